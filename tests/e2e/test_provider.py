"""Deploy a provider function with all options.

The local AWS stores neither a function's VPC nor its KMS key, so only tests/unit covers these.
"""

from dataclasses import dataclass
from typing import Any

from tests.e2e.support import ScenarioContext, scenario

STACK = "Provider"


@dataclass(frozen=True)
class Deployed:
    """Resources while the stack was deployed; `left` are certificates after its destroy."""

    certificate: dict[str, Any]
    function: dict[str, Any]
    lines: list[str]
    resources: dict[str, str]
    left: list[Any]


@scenario
def deployed(context: ScenarioContext) -> Deployed:
    app = context.example("provider.py")
    app.deploy()
    resources = {
        resource["LogicalResourceId"]: resource["PhysicalResourceId"]
        for resource in context.aws.client("cloudformation").describe_stack_resources(
            StackName=STACK
        )["StackResources"]
    }
    name = resources["CustomApiGatewayClientCertificateProviderFunction66EEF94C"]
    function = context.aws.client("lambda").get_function_configuration(FunctionName=name)
    events = context.aws.client("logs").filter_log_events(
        logGroupName=function["LoggingConfig"]["LogGroup"]
    )
    certificate = context.certificate_of(STACK)
    app.destroy()
    return Deployed(
        certificate,
        function,
        [event["message"] for event in events["events"]],
        resources,
        context.certificates_of(STACK),
    )


def test_function_has_the_configured_options(deployed: Deployed) -> None:
    function = deployed.function
    assert function["Runtime"] == "python3.14"
    assert function["Architectures"] == ["arm64"]
    assert function["MemorySize"] == 512


def test_function_uses_the_given_role(deployed: Deployed) -> None:
    [role] = [name for id, name in deployed.resources.items() if id.startswith("Role")]
    assert deployed.function["Role"].endswith(f":role/{role}")
    assert deployed.certificate["pemEncodedCertificate"]
    assert deployed.left == []


def test_function_logs_to_the_given_log_group(deployed: Deployed) -> None:
    [log_group] = [name for id, name in deployed.resources.items() if id.startswith("LogGroup")]
    assert deployed.function["LoggingConfig"]["LogGroup"] == log_group
    id = deployed.certificate["clientCertificateId"]
    assert any(id in line for line in deployed.lines), deployed.lines
