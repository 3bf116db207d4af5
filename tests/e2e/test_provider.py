"""A function with all options, deployed.

The local AWS keeps neither a function's VPC nor its key: of these, the tests in tests/unit say all
that is known.
"""

from dataclasses import dataclass
from typing import Any

from tests.e2e.support import Scene, story

STACK = "Provider"


@dataclass(frozen=True)
class Deployed:
    """What the account held while the stack was deployed."""

    certificate: dict[str, Any]
    function: dict[str, Any]
    lines: list[str]
    resources: dict[str, str]
    left: list[Any]


@story
def deployed(scene: Scene) -> Deployed:
    app = scene.example("provider.py")
    app.deploy()
    resources = {
        resource["LogicalResourceId"]: resource["PhysicalResourceId"]
        for resource in scene.aws.client("cloudformation").describe_stack_resources(
            StackName=STACK
        )["StackResources"]
    }
    name = resources["CustomApiGatewayClientCertificateProviderFunction66EEF94C"]
    function = scene.aws.client("lambda").get_function_configuration(FunctionName=name)
    events = scene.aws.client("logs").filter_log_events(
        logGroupName=function["LoggingConfig"]["LogGroup"]
    )
    certificate = scene.certificate_of(STACK)
    app.destroy()
    return Deployed(
        certificate,
        function,
        [event["message"] for event in events["events"]],
        resources,
        scene.certificates_of(STACK),
    )


def test_the_function_has_the_options(deployed: Deployed) -> None:
    function = deployed.function
    assert function["Runtime"] == "python3.14"
    assert function["Architectures"] == ["arm64"]
    assert function["MemorySize"] == 512


def test_it_issues_a_certificate_as_the_role_and_deletes_it(deployed: Deployed) -> None:
    [role] = [name for id, name in deployed.resources.items() if id.startswith("Role")]
    assert deployed.function["Role"].endswith(f":role/{role}")
    assert deployed.certificate["pemEncodedCertificate"]
    assert deployed.left == []


def test_it_writes_to_the_log_group(deployed: Deployed) -> None:
    [log_group] = [name for id, name in deployed.resources.items() if id.startswith("LogGroup")]
    assert deployed.function["LoggingConfig"]["LogGroup"] == log_group
    id = deployed.certificate["clientCertificateId"]
    assert any(id in line for line in deployed.lines), deployed.lines
