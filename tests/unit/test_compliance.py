"""Run cdk-nag's rule packs and compare the findings with docs/reference/compliance.md.

The acknowledgements are in this file and not in the constructs, where they would suppress the
findings for users too.
"""

import contextlib
import json
import re
from collections.abc import Callable
from pathlib import Path

import aws_cdk as cdk
import cdk_nag
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import IConstruct

from cdk_apigateway_client_certificate import ClientCertificate
from tests.unit.support import Json, configure_all_options

ROOT = Path(__file__).parents[2]
PROVIDER = "Custom::ApiGatewayClientCertificateProvider"
MONITORING = "Custom::ApiGatewayClientCertificateMonitoring"
OWN = {PROVIDER, MONITORING, "Certificate", "Adopted", "LookedUp"}
"""The children of the stack that the package creates."""

API_GATEWAY = "arn:<AWS::Partition>:apigateway:<AWS::Region>::"
TAGS = "/tags/arn%3A<AWS::Partition>%3Aapigateway%3A<AWS::Region>%3A%3A%2Fclientcertificates%2F*"
WILDCARDS = {
    API_GATEWAY + path: reason
    for path, reason in {
        "/clientcertificates/*": "API Gateway chooses the ID, so none is known before the deploy",
        TAGS: "the same, in the form that IAM uses for tag calls",
        "/restapis/*/stages": "to name the stage that keeps a certificate from deletion",
        "/apis/*/stages": "the same, for WebSocket APIs",
    }.items()
}
"""Reasons for the wildcards in the function's policy."""

NETWORK_INTERFACES = {
    "*": "EC2 has no narrower resources for ec2:Describe actions",
    "arn:<AWS::Partition>:ec2:<AWS::Region>:*:*/*": "Lambda refuses a narrower policy",
}
"""Reasons for the wildcards that a VPC adds to the policy."""

RUNTIME = "Python 3.14 is not in every Region"
"""Reason why the function does not use the newest runtime, which rule L1 requires."""

BACKEND_OF_THE_TEST = {
    "APIG2": "the API passes requests on unchanged, so there is nothing to validate",
    "APIG3": "a warning: whether an API needs a firewall is its owner's decision",
    "APIG4": "the test needs only a stage to attach the certificate to",
    "COG4": "the same",
}
"""Reasons for the findings in the test's own API, which no user deploys."""


def everything(app: cdk.App, configure: Callable[[cdk.Stack], None] | None = None) -> cdk.Stack:
    """Return a stack with every resource that the construct can create."""
    stack = cdk.Stack(app, "Everything")
    if configure:
        configure(stack)
    certificate = ClientCertificate(stack, "Certificate", tags={"team": "edge"})
    certificate.publish_to_parameter("/path/to/pem")
    certificate.alarm_on_expiry("Expiry")
    certificate.alarm_on_check_failure("CheckFailure")
    certificate.grant_read(
        iam.Role(stack, "Reader", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"))
    )
    ClientCertificate(stack, "Adopted", adopt_client_certificate_id="abc123")
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


def acknowledge_wildcards(policy: IConstruct, wildcards: dict[str, str]) -> None:
    for resource, reason in wildcards.items():
        acknowledge(policy, f"IAM5[Resource::{resource}]", reason)


def acknowledge_backend(stack: cdk.Stack) -> None:
    """Acknowledge the findings in the test's own API."""
    for rule, reason in BACKEND_OF_THE_TEST.items():
        acknowledge(stack.node.find_child("Api"), rule, reason)


def violations(app: cdk.App) -> list[Json]:
    """Synthesize the app and return the errors and warnings of AwsSolutions."""
    cdk.Validations.of(app).add_plugins(cdk_nag.AwsSolutionsChecks())
    with contextlib.suppress(RuntimeError):  # an error fails the synthesis
        app.synth()
    report = json.loads((Path(app.outdir) / "validation-report.json").read_text())
    assert "AwsSolutions" in str(report), "the plug-in must have run"
    return [it for plugin in report["pluginReports"] for it in plugin["violations"]]


def test_aws_solutions_passes(tmp_path: Path) -> None:
    app = cdk.App(outdir=str(tmp_path))
    stack = everything(app)
    provider = stack.node.find_child(PROVIDER)
    acknowledge_wildcards(provider.node.find_child("Role"), WILDCARDS)
    acknowledge(provider.node.find_child("Function"), "L1", RUNTIME)
    acknowledge_backend(stack)
    assert violations(app) == []


def test_aws_solutions_passes_with_all_options(tmp_path: Path) -> None:
    app = cdk.App(outdir=str(tmp_path))
    stack = everything(app, configure_all_options)
    provider = stack.node.find_child(PROVIDER)
    acknowledge_wildcards(provider.node.find_child("ClientCertificates"), WILDCARDS)
    acknowledge_wildcards(provider.node.find_child("NetworkInterfaces"), NETWORK_INTERFACES)
    acknowledge_backend(stack)
    assert violations(app) == []


def test_aws_solutions_reports_unacknowledged_findings(tmp_path: Path) -> None:
    # This proves that the tests above can fail.
    app = cdk.App(outdir=str(tmp_path))
    ClientCertificate(cdk.Stack(app, "Stack"), "Certificate")
    found = {violation["ruleName"] for violation in violations(app)}
    wildcards = {f"AwsSolutions-IAM5[Resource::{resource}]" for resource in WILDCARDS}
    assert found == {*wildcards, "AwsSolutions-L1"}


Rules = dict[str, set[str]]
"""Maps a rule to the packs that contain it."""


def found_by_other_packs(stack: cdk.Stack) -> Rules:
    found: Rules = {}
    for pack in (
        cdk_nag.HIPAASecurityChecks(),
        cdk_nag.NIST80053R4Checks(),
        cdk_nag.NIST80053R5Checks(),
        cdk_nag.PCIDSS321Checks(),
        cdk_nag.ServerlessChecks(),
    ):
        for violation in pack.validate_scope(stack).violations:
            paths = [f"{it.construct_path}".split("/") for it in violation.violating_resources]
            if {path[1] for path in paths} & OWN:
                rule = violation.rule_name.removeprefix(f"{pack.name}-")
                found.setdefault(rule, set()).add(pack.name)
    return found


def rows(title: str) -> list[list[str]]:
    """Return the cells of the table in a section of the page, without its header."""
    page = (ROOT / "docs" / "reference" / "compliance.md").read_text()
    section = page.partition(f"## {title}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[2:]]


def quoted(cell: str) -> set[str]:
    return set(re.findall(r"`(.+?)`", cell))


def test_other_packs_find_what_the_page_documents() -> None:
    table = rows("The other packs")
    documented = {rule.strip("`"): quoted(packs) for rule, packs, _reason in table}
    assert all(reason for _, _, reason in table)
    assert found_by_other_packs(everything(cdk.App())) == documented


def test_options_resolve_the_findings_that_the_page_lists() -> None:
    plain = found_by_other_packs(everything(cdk.App()))
    resolved = set().union(*(quoted(rules) for _option, rules, _more in rows("With options")))
    assert resolved < set(plain)
    assert found_by_other_packs(everything(cdk.App(), configure_all_options)) == {
        rule: packs for rule, packs in plain.items() if rule not in resolved
    }


def test_no_construct_suppresses_a_check() -> None:
    sources = [path.read_text() for path in (ROOT / "constructs").rglob("*.py")]
    assert sources
    assert not [source for source in sources if re.search(r"acknowledge|nag\b|suppress", source)]
