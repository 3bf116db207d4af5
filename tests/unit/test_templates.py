"""Compare synthesized templates with snapshots, so that no template changes by accident.

After an intended change, update the snapshots, review their diff and commit it:

    UPDATE_SNAPSHOTS=1 pytest tests/unit/test_templates.py

A changed logical ID in that diff is a breaking change: CloudFormation would replace the resource.
"""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

import aws_cdk as cdk
import cfnlint.api
import pytest
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_iam as iam
from aws_cdk import aws_ssm as ssm

from cdk_apigateway_client_certificate import (
    ClientCertificate,
    ClientCertificateProvider,
    ClientCertificateStack,
)
from cdk_apigateway_client_certificate._version import __version__
from cdk_apigateway_client_certificate.rotating_client_certificate import (
    RotatingClientCertificate,
)
from tests.unit.support import Json, configure_all_options, existing_vpc

SNAPSHOTS = Path(__file__).parent / "snapshots"


def ready_made(app: cdk.App) -> None:
    tags = {"team": "a", "env": "test"}
    ClientCertificateStack(app, "ClientCertificate", description="orders", tags=tags)


def one(app: cdk.App) -> None:
    ClientCertificate(cdk.Stack(app, "One"), "Certificate")


def many(app: cdk.App) -> None:
    stack = cdk.Stack(app, "Many", tags={"team": "edge"})
    for id in ("First", "Second", "Third"):
        certificate = ClientCertificate(stack, id, description=id)
        cdk.Tags.of(certificate).add("which", id)
    certificate.grant_read(iam.User(stack, "Reader"))
    certificate.publish_to_parameter("/many/third")


def attached(app: cdk.App) -> None:
    stack = cdk.Stack(app, "Attached")
    api = apigateway.RestApi(stack, "Api", cloud_watch_role=False)
    api.root.add_method("GET", apigateway.HttpIntegration("https://backend.example.com/"))
    ClientCertificate(stack, "Certificate").attach_to(api.deployment_stage)


def retained(app: cdk.App) -> None:
    stack = cdk.Stack(app, "Retained")
    ClientCertificate(stack, "Certificate", removal_policy=cdk.RemovalPolicy.RETAIN)


def imported(app: cdk.App) -> None:
    stack = cdk.Stack(app, "Imported")
    native = apigateway.CfnClientCertificate(stack, "Native")
    arn = "arn:aws:apigateway:eu-west-1::/clientcertificates/abc123"
    for certificate in (
        ClientCertificate.from_client_certificate_id(
            stack, "ById", native.attr_client_certificate_id
        ),
        ClientCertificate.from_client_certificate_arn(stack, "ByArn", arn),
        ClientCertificate.from_client_certificate_attributes(
            stack,
            "ByAttributes",
            client_certificate_id="abc123",
            pem_encoded_certificate="-----BEGIN CERTIFICATE-----",
        ),
    ):
        cdk.CfnOutput(stack, f"{certificate.node.id}Pem", value=certificate.pem_encoded_certificate)


def adopted(app: cdk.App) -> None:
    stack = cdk.Stack(app, "Adopted")
    ClientCertificate(stack, "Certificate", adopt_client_certificate_id="abc123")


def configured(app: cdk.App) -> None:
    stack = cdk.Stack(app, "Configured")
    configure_all_options(stack)
    ClientCertificate(stack, "Certificate")


def in_vpc(app: cdk.App) -> None:
    stack = cdk.Stack(app, "InVpc")
    ClientCertificateProvider.configure(stack, vpc=existing_vpc(stack))
    ClientCertificate(stack, "Certificate")


def rotating(app: cdk.App) -> None:
    stack = cdk.Stack(app, "Rotating", tags={"team": "edge"})
    api = apigateway.RestApi(stack, "Api", cloud_watch_role=False)
    backend = apigateway.HttpIntegration("https://backend.example.com/health")
    certificate = RotatingClientCertificate(
        stack,
        "Certificate",
        stages=[api.deployment_stage],
        trust_parameter_name="/orders/trusted-clients",
        description="calls of the <orders> API",
        backend_checks=[api.root.add_method("GET", backend)],
        rotation_reason="2027-01 audit",
    )
    certificate.trust_parameter.grant_read(iam.User(stack, "Backend"))
    certificate.alarm_on_expiry("Expiry")
    certificate.alarm_on_check_failure("Failure")
    certificate.alarm_on_rotation_held("Held")


def monitored(app: cdk.App) -> None:
    stack = cdk.Stack(app, "Monitored")
    looked_up = ClientCertificate.from_client_certificate_id(stack, "LookedUp", "abc123")
    for certificate in (ClientCertificate(stack, "Certificate"), looked_up):
        certificate.alarm_on_expiry("Expiry")
        certificate.alarm_on_check_failure("CheckFailure")


def two_stacks(app: cdk.App) -> None:
    certificate = ClientCertificate(cdk.Stack(app, "Edge"), "Certificate")
    backend = cdk.Stack(app, "Backend")
    ssm.StringParameter(backend, "Trusted", string_value=certificate.pem_encoded_certificate)


APPS = (
    *(ready_made, one, many, attached, retained, imported, adopted, configured, in_vpc),
    monitored,
    rotating,
    two_stacks,
)
STACKS = [
    *("ClientCertificate", "One", "Many", "Attached", "Retained", "Imported", "Adopted"),
    *("Configured", "InVpc", "Monitored", "Rotating", "Edge", "Backend"),
]


@dataclass(frozen=True)
class Synthesis:
    """The result of synthesizing all stacks above in one app."""

    templates: dict[str, str]
    """JSON text by stack name, without asset hashes and the version."""
    report: Json
    """The report of CDK's own template validation."""
    messages: list[str]
    """The warnings and errors of constructs."""


@pytest.fixture(scope="module")
def synthesis(tmp_path_factory: pytest.TempPathFactory) -> Synthesis:
    app = cdk.App(
        outdir=str(tmp_path_factory.mktemp("cdk.out")),
        # CDK warns unless an app with cross-stack references chooses a default. Both work here.
        context={"@aws-cdk/core:defaultCrossStackReferences": "strong"},
    )
    # By name, because conftest.py switches it off for the other tests.
    cdk.Validations.of(app).add_plugins(cdk.CloudFormationValidatePlugin())
    for build in APPS:
        build(app)
    assembly = app.synth()
    return Synthesis(
        templates={
            stack.stack_name: re.sub(
                r"[0-9a-f]{64}", "<asset hash>", json.dumps(stack.template, indent=2) + "\n"
            ).replace(f" {__version__}: ", " <version>: ")
            for stack in assembly.stacks
        },
        report=json.loads((Path(assembly.directory) / "validation-report.json").read_text()),
        messages=[str(it.entry.data) for stack in assembly.stacks for it in stack.messages],
    )


@pytest.mark.parametrize("stack", STACKS)
def test_template_matches_its_snapshot(synthesis: Synthesis, stack: str) -> None:
    snapshot = SNAPSHOTS / f"{stack}.json"
    text = synthesis.templates[stack]
    if os.environ.get("UPDATE_SNAPSHOTS"):
        snapshot.write_text(text)
    assert snapshot.exists(), "no snapshot: see the top of this file for how to create it"
    assert json.loads(text) == json.loads(snapshot.read_text())


def test_each_template_has_one_snapshot(synthesis: Synthesis) -> None:
    assert sorted(synthesis.templates) == sorted(STACKS)
    assert sorted(path.stem for path in SNAPSHOTS.iterdir()) == sorted(STACKS)


def test_logical_ids_are_stable(synthesis: Synthesis) -> None:
    assert sorted(json.loads(synthesis.templates["One"])["Resources"]) == [
        "Certificate4E7ABB08",
        "CustomApiGatewayClientCertificateProviderFunction66EEF94C",
        "CustomApiGatewayClientCertificateProviderLogGroup411B02F0",
        "CustomApiGatewayClientCertificateProviderRole0A523870",
    ]


def test_cdk_validation_passes(synthesis: Synthesis) -> None:
    assert [report["violations"] for report in synthesis.report["pluginReports"]] == []


def test_constructs_report_no_messages(synthesis: Synthesis) -> None:
    assert synthesis.messages == []


@pytest.mark.parametrize("stack", STACKS)
def test_cfn_lint_passes(synthesis: Synthesis, stack: str) -> None:
    config = cfnlint.config.ManualArgs(
        regions=["eu-west-1", "us-east-1"],
        ignore_checks=["W3005"],  # CDK adds DependsOn to a role that the function refers to
    )
    matches = cfnlint.api.lint(synthesis.templates[stack], config=config)
    assert [f"{match.rule.id} {match.message}" for match in matches] == []
