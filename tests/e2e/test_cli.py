"""Deploy, update and destroy `app.py` with the CDK CLI."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography import x509

from local_aws.cdk import CdkError
from tests.e2e.support import ScenarioContext, scenario

STACK = "ClientCertificate"


@dataclass(frozen=True)
class Result:
    outputs: dict[str, str]
    certificate: dict[str, Any]
    repeated: str
    difference: str
    changed_outputs: dict[str, str]
    changed_certificate: dict[str, Any]
    left: list[dict[str, Any]]
    still_listed: list[str]


@scenario
def deployed_app(context: ScenarioContext) -> Result:
    app = context.app()
    app.deploy(description="of the orders API", tags="team=edge,kept=1,gone=1")
    outputs = app.outputs(STACK)
    certificate = context.certificate(outputs["ClientCertificateId"])
    repeated = app.deploy(description="of the orders API", tags="team=edge,kept=1,gone=1")
    difference = app.diff()
    app.deploy(description="", tags="team=core,kept=1,new=")
    changed_outputs = app.outputs(STACK)
    changed_certificate = context.certificate(outputs["ClientCertificateId"])
    app.cdk("destroy", "--force")
    functions = context.aws.client("lambda").list_functions()["Functions"]
    groups = context.aws.client("logs").describe_log_groups()["logGroups"]
    stacks = context.aws.client("cloudformation").describe_stacks()["Stacks"]
    names = [
        *(function["FunctionName"] for function in functions),
        *(group["logGroupName"] for group in groups),
        *(stack["StackName"] for stack in stacks),
    ]
    return Result(
        outputs,
        certificate,
        repeated,
        difference,
        changed_outputs,
        changed_certificate,
        context.certificates_of(STACK),
        [name for name in names if name == STACK or name.startswith(f"{STACK}-")],
    )


def test_deploy_issues_a_certificate_and_outputs_its_attributes(deployed_app: Result) -> None:
    certificate, outputs = deployed_app.certificate, deployed_app.outputs
    assert outputs.keys() == {"ClientCertificateId", "PemEncodedCertificate", "ExpirationDate"}
    assert outputs["ClientCertificateId"] == certificate["clientCertificateId"]
    assert outputs["PemEncodedCertificate"] == certificate["pemEncodedCertificate"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", outputs["ExpirationDate"])
    expires = datetime.fromisoformat(outputs["ExpirationDate"])
    assert expires == certificate["expirationDate"]
    pem = x509.load_pem_x509_certificate(outputs["PemEncodedCertificate"].encode())
    assert abs(pem.not_valid_after_utc - expires) < timedelta(minutes=1)


def test_certificate_has_description_and_tags_from_cdk_context(deployed_app: Result) -> None:
    assert deployed_app.certificate["description"] == "of the orders API"
    tags = deployed_app.certificate["tags"]
    assert {"team": "edge", "kept": "1", "gone": "1"}.items() <= tags.items()
    assert {name for name in tags if name.startswith("client-certificate:")} == {
        "client-certificate:stack-id",
        "client-certificate:logical-id",
        "client-certificate:request-id",
    }


def test_second_deploy_reports_no_changes(deployed_app: Result) -> None:
    assert f"{STACK} (no changes)" in deployed_app.repeated
    assert "There were no differences" in deployed_app.difference


def test_update_changes_description_and_tags_in_place(deployed_app: Result) -> None:
    assert deployed_app.changed_outputs == deployed_app.outputs
    before, after = deployed_app.certificate, deployed_app.changed_certificate
    assert after.get("description", "") == ""
    assert after["tags"] == {
        **{name: value for name, value in before["tags"].items() if name != "gone"},
        "team": "core",
        "new": "",
    }


def test_destroy_leaves_nothing_of_the_stack(deployed_app: Result) -> None:
    assert deployed_app.left == []
    assert deployed_app.still_listed == []


def test_cli_reports_an_invalid_tag_without_a_traceback(context: ScenarioContext) -> None:
    """Check how an app's error appears in the CLI; tests/unit covers the rules themselves."""
    with pytest.raises(CdkError) as failed:
        context.app().cdk("synth", "--quiet", tags="team")
    message, *rest = failed.value.output.splitlines()
    assert "'team' is not of the form key=value" in message
    assert "Traceback" not in " ".join(rest)
