"""What cdk-nag's packs find in the construct: nothing of AwsSolutions, and the rest is told.

The acknowledgements stand here and in no construct: there, they would silence the checks of those
who use it. `docs/compliance.md` tells users what they will see, and is held to it here.
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
        TAGS: "the same, in the form that tag calls are authorized in",
        "/restapis/*/stages": "to name the stage that keeps a certificate from deletion",
        "/apis/*/stages": "the same, for WebSocket APIs",
    }.items()
}
"""Why the policy of the function has these."""

NETWORK_INTERFACES = {
    "*": "EC2 has no narrower resources for ec2:Describe actions",
    "arn:<AWS::Partition>:ec2:<AWS::Region>:*:*/*": "Lambda refuses a narrower policy",
}
"""Why the policy of a function in a VPC has these."""

RUNTIME = "Python 3.14 is not in every Region"
"""Why the function does not have the newest runtime, which rule L1 asks for."""

BACKEND_OF_THE_TEST = {
    "APIG2": "HTTP calls are passed on as they are: there is nothing to validate",
    "APIG3": "a warning: whether an API needs a firewall is its owner's decision",
    "APIG4": "an open API is enough to attach a certificate to",
    "COG4": "the same",
}
"""Why the API that the test needs, and no user gets, is not what it should be in production."""


def everything(app: cdk.App, configure: Callable[[cdk.Stack], None] | None = None) -> cdk.Stack:
    """A stack with all that the construct can make."""
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


def violations(app: cdk.App) -> list[Json]:
    """Synthesize the app and return what AwsSolutions finds: errors and warnings."""
    cdk.Validations.of(app).add_plugins(cdk_nag.AwsSolutionsChecks())
    with contextlib.suppress(RuntimeError):  # an error fails the synthesis
        app.synth()
    report = json.loads((Path(app.outdir) / "validation-report.json").read_text())
    assert "AwsSolutions" in str(report), "the plug-in ran"
    return [it for plugin in report["pluginReports"] for it in plugin["violations"]]


def test_aws_solutions_has_nothing_more_to_say(tmp_path: Path) -> None:
    app = cdk.App(outdir=str(tmp_path))
    stack = everything(app)
    provider = stack.node.find_child(PROVIDER)
    acknowledge_wildcards(provider.node.find_child("Role"), WILDCARDS)
    acknowledge(provider.node.find_child("Function"), "L1", RUNTIME)
    for rule, reason in BACKEND_OF_THE_TEST.items():
        acknowledge(stack.node.find_child("Api"), rule, reason)
    assert violations(app) == []


def test_aws_solutions_has_nothing_more_to_say_with_all_options(tmp_path: Path) -> None:
    app = cdk.App(outdir=str(tmp_path))
    stack = everything(app, configure_all_options)
    provider = stack.node.find_child(PROVIDER)
    acknowledge_wildcards(provider.node.find_child("ClientCertificates"), WILDCARDS)
    acknowledge_wildcards(provider.node.find_child("NetworkInterfaces"), NETWORK_INTERFACES)
    for rule, reason in BACKEND_OF_THE_TEST.items():
        acknowledge(stack.node.find_child("Api"), rule, reason)
    assert violations(app) == []


def test_an_acknowledgement_less_and_aws_solutions_speaks(tmp_path: Path) -> None:
    # So that the silence above is known to mean something.
    app = cdk.App(outdir=str(tmp_path))
    ClientCertificate(cdk.Stack(app, "Stack"), "Certificate")
    found = {violation["ruleName"] for violation in violations(app)}
    wildcards = {f"AwsSolutions-IAM5[Resource::{resource}]" for resource in WILDCARDS}
    assert found == {*wildcards, "AwsSolutions-L1"}


Rules = dict[str, set[str]]
"""The packs that a rule is in, by the rule."""


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
    """Return the cells of the table below a title of the page, without its head."""
    page = (ROOT / "docs" / "compliance.md").read_text()
    section = page.partition(f"## {title}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[2:]]


def quoted(cell: str) -> set[str]:
    return set(re.findall(r"`(.+?)`", cell))


def test_the_other_packs_find_what_the_page_says() -> None:
    table = rows("The other packs")
    told = {rule.strip("`"): quoted(packs) for rule, packs, _reason in table}
    assert all(reason for _, _, reason in table)
    assert found_by_other_packs(everything(cdk.App())) == told


def test_options_take_findings_away_as_the_page_says() -> None:
    plain = found_by_other_packs(everything(cdk.App()))
    gone = set().union(*(quoted(gone) for _option, gone, _more in rows("With options")))
    assert gone < set(plain)
    assert found_by_other_packs(everything(cdk.App(), configure_all_options)) == {
        rule: packs for rule, packs in plain.items() if rule not in gone
    }


def test_no_construct_silences_a_check() -> None:
    sources = [path.read_text() for path in (ROOT / "constructs").rglob("*.py")]
    assert sources
    assert not [source for source in sources if re.search(r"acknowledge|nag\b|suppress", source)]
