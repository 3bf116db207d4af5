"""Deploy each snippet of docs/how-to/migrate-from-….md, in the pages' order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from handler_testing.node_runtime import LocalAwsWithNode
from local_aws.cdk import run_cdk
from tests.e2e.support import EXAMPLES, ScenarioContext, scenario

Edits = Mapping[str, str]

IMPORT = {
    "\napp = cdk.App()\n": """
from cdk_apigateway_client_certificate import ClientCertificate

app = cdk.App()
"""
}
ADOPTED = """\
certificate = ClientCertificate(
    stack, "Adopted", adopt_client_certificate_id="abc123", description="orders"
)
"""

NATIVE = """\
native = apigateway.CfnClientCertificate(stack, "Certificate", description="orders")
"""
NATIVE_AND_ADOPTED = """\
native = apigateway.CfnClientCertificate(stack, "Certificate", description="orders")
native.apply_removal_policy(cdk.RemovalPolicy.RETAIN)
certificate = ClientCertificate(
    stack, "Adopted", adopt_client_certificate_id=native.ref, description="orders"
)
"""
API = """\
api = apigateway.RestApi(
    stack,
    "Orders",
    cloud_watch_role=False,
    deploy_options=apigateway.StageOptions(client_certificate_id=native.ref),
)
"""
NEW_API = """\
api = apigateway.RestApi(
    stack,
    "Orders",
    cloud_watch_role=False,
    deploy_options=apigateway.StageOptions(client_certificate_id=certificate.client_certificate_id),
)
"""
VALUE = ", value=certificate.client_certificate_id)"

HAND_WRITTEN = """\
    install_latest_aws_sdk=False,
)
certificate_id = issued.get_response_field("clientCertificateId")
pem = issued.get_response_field("pemEncodedCertificate")
"""
HAND_WRITTEN_AND_ADOPTED = """\
    install_latest_aws_sdk=False,
    removal_policy=cdk.RemovalPolicy.RETAIN,
)
certificate = ClientCertificate(
    stack,
    "Adopted",
    adopt_client_certificate_id=issued.get_response_field("clientCertificateId"),
    description="orders",
)
certificate_id = certificate.client_certificate_id
pem = certificate.pem_encoded_certificate
"""
AFTER_HAND_WRITTEN = """\
certificate = ClientCertificate(
    stack, "Adopted", adopt_client_certificate_id="abc123", description="orders"
)
certificate_id = certificate.client_certificate_id
pem = certificate.pem_encoded_certificate
"""


@dataclass(frozen=True)
class State:
    """The resources and the output after a deploy."""

    certificates: list[str]
    presented: str
    pem: str
    output: str
    types: set[str]


@dataclass(frozen=True)
class Migration:
    steps: Sequence[State]
    after_destroy: list[str]


def migrate(
    context: ScenarioContext, example: str, stack: str, steps: Sequence[Edits]
) -> Migration:
    """Deploy an example and each step of its migration, then destroy the stack."""
    states: list[State] = []
    for edits in steps:
        id = states[-1].presented if states else ""
        edits = {old: new.replace("abc123", id) for old, new in edits.items()}
        app = context.example(example, **edits)
        app.deploy()
        outputs = app.outputs(stack)
        stage = context.gateway.get_stage(restApiId=outputs["ApiId"], stageName="prod")
        resources = context.aws.client("cloudformation").describe_stack_resources(StackName=stack)
        states.append(
            State(
                certificates=ids(context),
                presented=stage["clientCertificateId"],
                pem=context.certificate(stage["clientCertificateId"])["pemEncodedCertificate"],
                output=outputs["CertificateId"],
                types={it["ResourceType"] for it in resources["StackResources"]},
            )
        )
    app.destroy()
    after_destroy = ids(context)
    context.delete(states[-1].presented)
    return Migration(states, after_destroy)


def ids(context: ScenarioContext) -> list[str]:
    """Return the IDs of the certificates with the migration's description."""
    items: Any = context.gateway.get_client_certificates(limit=500)["items"]
    return [it["clientCertificateId"] for it in items if it.get("description") == "orders"]


def check(migration: Migration, removed: str) -> None:
    first, adopted, done = migration.steps
    [id] = first.certificates
    for step in migration.steps:
        assert step.certificates == [id]
        assert step.presented == step.output == id
        assert step.pem == first.pem
    assert removed in first.types
    assert removed in adopted.types
    assert removed not in done.types
    assert "Custom::ApiGatewayClientCertificate" in done.types
    assert migration.after_destroy == [id], "the stack must keep an adopted certificate"


@scenario
def from_native(context: ScenarioContext) -> Migration:
    steps: list[Edits] = [
        {},
        {**IMPORT, NATIVE: NATIVE_AND_ADOPTED, ", value=native.ref)": VALUE, API: NEW_API},
        {**IMPORT, NATIVE: ADOPTED, ", value=native.ref)": VALUE, API: NEW_API},
    ]
    return migrate(context, "native.py", "Native", steps)


def test_migration_from_native_keeps_the_certificate(from_native: Migration) -> None:
    check(from_native, "AWS::ApiGateway::ClientCertificate")


@scenario
def from_aws_custom_resource(context: ScenarioContext) -> Migration:
    """Run in a separate account with Node, on which AwsCustomResource's function runs."""
    text = (EXAMPLES / "hand_written.py").read_text()
    start = text[text.index("issued = ") : text.index("\napi = ")]
    steps: list[Edits] = [
        {},
        {**IMPORT, HAND_WRITTEN: HAND_WRITTEN_AND_ADOPTED},
        {**IMPORT, start: AFTER_HAND_WRITTEN},
    ]
    with LocalAwsWithNode(trust=context.server_files[0]) as aws:
        aws.environment["CDK_VALIDATION"] = "false"
        toolkit = str(context.folder / "bootstrap")
        run_cdk(aws, "bootstrap", f"aws://{aws.account}/{aws.region}", "--output", toolkit)
        own = ScenarioContext(aws, context.folder, context.server_files)
        return migrate(own, "hand_written.py", "HandWritten", steps)


def test_migration_from_aws_custom_resource_keeps_the_certificate(
    from_aws_custom_resource: Migration,
) -> None:
    check(from_aws_custom_resource, "Custom::AWS")
