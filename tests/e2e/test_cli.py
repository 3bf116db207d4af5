"""`app.py` by the CDK CLI, from the first deploy to the destroy."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography import x509

from local_aws.cdk import CdkError
from tests.e2e.support import Scene, story

STACK = "ClientCertificate"


@dataclass(frozen=True)
class Story:
    outputs: dict[str, str]
    certificate: dict[str, Any]
    repeated: str
    difference: str
    changed_outputs: dict[str, str]
    changed_certificate: dict[str, Any]
    left: list[dict[str, Any]]
    still_listed: list[str]


@story
def deployed_app(scene: Scene) -> Story:
    app = scene.app()
    app.deploy(description="of the orders API", tags="team=edge,kept=1,gone=1")
    outputs = app.outputs(STACK)
    certificate = scene.certificate(outputs["ClientCertificateId"])
    repeated = app.deploy(description="of the orders API", tags="team=edge,kept=1,gone=1")
    difference = app.diff()
    app.deploy(description="", tags="team=core,kept=1,new=")
    changed_outputs = app.outputs(STACK)
    changed_certificate = scene.certificate(outputs["ClientCertificateId"])
    app.cdk("destroy", "--force")
    functions = scene.aws.client("lambda").list_functions()["Functions"]
    groups = scene.aws.client("logs").describe_log_groups()["logGroups"]
    stacks = scene.aws.client("cloudformation").describe_stacks()["Stacks"]
    names = [
        *(function["FunctionName"] for function in functions),
        *(group["logGroupName"] for group in groups),
        *(stack["StackName"] for stack in stacks),
    ]
    return Story(
        outputs,
        certificate,
        repeated,
        difference,
        changed_outputs,
        changed_certificate,
        scene.certificates_of(STACK),
        [name for name in names if name == STACK or name.startswith(f"{STACK}-")],
    )


def test_a_deploy_issues_a_certificate_and_outputs_what_the_contract_says(
    deployed_app: Story,
) -> None:
    certificate, outputs = deployed_app.certificate, deployed_app.outputs
    assert outputs.keys() == {"ClientCertificateId", "PemEncodedCertificate", "ExpirationDate"}
    assert outputs["ClientCertificateId"] == certificate["clientCertificateId"]
    assert outputs["PemEncodedCertificate"] == certificate["pemEncodedCertificate"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", outputs["ExpirationDate"])
    expires = datetime.fromisoformat(outputs["ExpirationDate"])
    assert expires == certificate["expirationDate"]
    pem = x509.load_pem_x509_certificate(outputs["PemEncodedCertificate"].encode())
    assert abs(pem.not_valid_after_utc - expires) < timedelta(minutes=1)


def test_the_certificate_has_the_description_and_the_tags_of_the_context(
    deployed_app: Story,
) -> None:
    assert deployed_app.certificate["description"] == "of the orders API"
    tags = deployed_app.certificate["tags"]
    assert {"team": "edge", "kept": "1", "gone": "1"}.items() <= tags.items()
    assert {name for name in tags if name.startswith("client-certificate:")} == {
        "client-certificate:stack-id",
        "client-certificate:logical-id",
        "client-certificate:request-id",
    }


def test_a_second_deploy_changes_nothing_and_says_so(deployed_app: Story) -> None:
    assert f"{STACK} (no changes)" in deployed_app.repeated
    assert "There were no differences" in deployed_app.difference


def test_description_and_tags_change_in_place(deployed_app: Story) -> None:
    assert deployed_app.changed_outputs == deployed_app.outputs
    before, after = deployed_app.certificate, deployed_app.changed_certificate
    assert after.get("description", "") == ""
    assert after["tags"] == {
        **{name: value for name, value in before["tags"].items() if name != "gone"},
        "team": "core",
        "new": "",
    }


def test_a_destroy_leaves_nothing_of_the_stack(deployed_app: Story) -> None:
    assert deployed_app.left == []
    assert deployed_app.still_listed == []


def test_tags_that_cannot_be_are_one_line_that_names_them(scene: Scene) -> None:
    """How an app's error comes through the CLI; the rules have tests of their own."""
    with pytest.raises(CdkError) as failed:
        scene.app().cdk("synth", "--quiet", tags="team")
    told, *rest = failed.value.output.splitlines()
    assert "'team' is not of the form key=value" in told
    assert "Traceback" not in " ".join(rest)
