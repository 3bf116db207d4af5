"""What cdk-nag's packs find in the construct: nothing of AwsSolutions, and the rest is told.

The acknowledgements stand here and in no construct: there, they would silence the checks of those
who use it. `docs/compliance.md` tells users what they will see, and is held to it here.
"""

import json
import re
from pathlib import Path

import aws_cdk as cdk
import cdk_nag
import pytest
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import IConstruct

from cdk_apigateway_client_certificate import ClientCertificate

ROOT = Path(__file__).parents[2]
PROVIDER = "Custom::ApiGatewayClientCertificateProvider"

WILDCARDS = {
    "/clientcertificates/*": "API Gateway chooses the ID, so none is known before the deploy",
    "/tags/arn%3A<AWS::Partition>%3Aapigateway%3A<AWS::Region>%3A%3A%2Fclientcertificates%2F*": (
        "the same, in the form that tag calls are authorized in"
    ),
    "/restapis/*/stages": "to name the stage that keeps a certificate from deletion",
    "/apis/*/stages": "the same, for WebSocket APIs",
}
"""Why the policy of the function has these."""

BACKEND_OF_THE_TEST = {
    "APIG2": "HTTP calls are passed on as they are: there is nothing to validate",
    "APIG3": "a warning: whether an API needs a firewall is its owner's decision",
    "APIG4": "an open API is enough to attach a certificate to",
    "COG4": "the same",
}
"""Why the API that the test needs, and no user gets, is not what it should be in production."""


def everything(app: cdk.App) -> cdk.Stack:
    """A stack with all that the construct can make."""
    stack = cdk.Stack(app, "Everything")
    certificate = ClientCertificate(stack, "Certificate", tags={"team": "edge"})
    certificate.publish_to_parameter("/path/to/pem")
    certificate.grant_read(
        iam.Role(stack, "Reader", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"))
    )
    ClientCertificate(
        stack,
        "Adopted",
        adopt_client_certificate_id="abc123",
        removal_policy=cdk.RemovalPolicy.RETAIN,
    )
    ClientCertificate.from_client_certificate_id(stack, "LookedUp", "abc123")
    access_log = logs.LogGroup(stack, "AccessLog")
    api = apigateway.RestApi(
        stack,
        "Api",
        cloud_watch_role=False,
        deploy_options=apigateway.StageOptions(
            access_log_destination=apigateway.LogGroupLogDestination(access_log),
            logging_level=apigateway.MethodLoggingLevel.INFO,
        ),
    )
    api.root.add_method("GET", apigateway.HttpIntegration("https://backend.example.com/"))
    certificate.attach_to(api.deployment_stage)
    return stack


def acknowledge(construct: IConstruct, rule: str, reason: str) -> None:
    id = f"AwsSolutions::AwsSolutions-{rule}"
    cdk.Validations.of(construct).acknowledge(cdk.Acknowledgment(id=id, reason=reason))


def test_aws_solutions_has_nothing_more_to_say(tmp_path: Path) -> None:
    app = cdk.App(outdir=str(tmp_path))
    stack = everything(app)
    for path, reason in WILDCARDS.items():
        resource = f"Resource::arn:<AWS::Partition>:apigateway:<AWS::Region>::{path}"
        role = stack.node.find_child(PROVIDER).node.find_child("Role")
        acknowledge(role, f"IAM5[{resource}]", reason)
    for rule, reason in BACKEND_OF_THE_TEST.items():
        acknowledge(stack.node.find_child("Api"), rule, reason)
    cdk.Validations.of(app).add_plugins(cdk_nag.AwsSolutionsChecks())
    app.synth()  # an error would be raised, a warning only reported
    report = json.loads((tmp_path / "validation-report.json").read_text())
    assert [it["violations"] for it in report["pluginReports"] if it["violations"]] == []


def test_an_acknowledgement_less_and_aws_solutions_speaks(tmp_path: Path) -> None:
    # So that the silence above is known to mean something.
    app = cdk.App(outdir=str(tmp_path))
    ClientCertificate(cdk.Stack(app, "Stack"), "Certificate")
    cdk.Validations.of(app).add_plugins(cdk_nag.AwsSolutionsChecks())
    with pytest.raises(RuntimeError, match="ValidationFailed"):
        app.synth()
    [report] = json.loads((tmp_path / "validation-report.json").read_text())["pluginReports"]
    found = {violation["ruleName"].partition("::/")[2] for violation in report["violations"]}
    assert found == {f"{path[1:]}]" for path in WILDCARDS}


def test_the_other_packs_find_what_the_page_says() -> None:
    stack = everything(cdk.App())
    found: dict[str, set[str]] = {}
    for pack in (
        cdk_nag.HIPAASecurityChecks(),
        cdk_nag.NIST80053R4Checks(),
        cdk_nag.NIST80053R5Checks(),
        cdk_nag.PCIDSS321Checks(),
        cdk_nag.ServerlessChecks(),
    ):
        for violation in pack.validate_scope(stack).violations:
            paths = [f"{it.construct_path}".split("/") for it in violation.violating_resources]
            if {path[1] for path in paths} & {PROVIDER, "Certificate", "Adopted", "LookedUp"}:
                rule = violation.rule_name.removeprefix(f"{pack.name}-")
                found.setdefault(rule, set()).add(pack.name)
    page = (ROOT / "docs" / "compliance.md").read_text().partition("## The other packs")[2]
    told = {
        rule: set(re.findall(r"`(.+?)`", packs))
        for rule, packs, reason in re.findall(r"^\| `(\w+)` \| (.+?) \| (.+?) \|$", page, re.M)
        if reason
    }
    assert found == told


def test_no_construct_silences_a_check() -> None:
    sources = [path.read_text() for path in (ROOT / "constructs").rglob("*.py")]
    assert sources
    assert not [source for source in sources if re.search(r"acknowledge|nag\b|suppress", source)]
