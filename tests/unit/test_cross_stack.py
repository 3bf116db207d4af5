"""Use the PEM in other stacks, Regions and accounts, and in exports."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_iam as iam
from aws_cdk import aws_ssm as ssm
from aws_cdk.assertions import Annotations, Match, Template

from cdk_apigateway_client_certificate import ClientCertificate, IClientCertificate
from tests.unit.support import CERTIFICATE, Json, needs_weak_references, of_type, the_only

PARAMETER = "AWS::SSM::Parameter"
HOME = cdk.Environment(account="1" * 12, region="eu-west-1")
OTHER_REGION = cdk.Environment(account="1" * 12, region="us-east-1")
OTHER_ACCOUNT = cdk.Environment(account="2" * 12, region="eu-west-1")


class Stack(cdk.Stack):
    """A stack that can store a string in a parameter."""

    def store(self, text: str) -> None:
        ssm.StringParameter(self, "Stored", string_value=text)


def stored(template: Json) -> Any:
    """Return the value of the template's only parameter."""
    return the_only(template, PARAMETER)[1]["Properties"]["Value"]


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Json]:
    """Return templates of stacks that all use one PEM, by stack name."""
    app = cdk.App(outdir=str(tmp_path_factory.mktemp("cdk.out")))
    home = Stack(app, "Home", env=HOME)
    certificate = ClientCertificate(home, "Certificate")
    pem = certificate.pem_encoded_certificate
    stacks = [
        home,
        Stack(app, "Neighbour", env=HOME),
        Stack(app, "OtherRegion", env=OTHER_REGION),
        Stack(app, "OtherAccount", env=OTHER_ACCOUNT),
    ]
    for stack in stacks:
        stack.store(pem)
    for parent in stacks[:2]:
        nested = cdk.NestedStack(parent, "Nested")
        ssm.StringParameter(nested, "Stored", string_value=pem)
    Stack(app, "Id", env=HOME).store(certificate.client_certificate_id)
    assembly = app.synth()
    folder = Path(assembly.directory)
    nested_templates = {
        path.name[: path.name.index("Nested")] + "/Nested": json.loads(path.read_text())
        for path in folder.glob("*.nested.template.json")
    }
    return {stack.stack_name: stack.template for stack in assembly.stacks} | nested_templates


@pytest.fixture(scope="module")
def output(templates: dict[str, Json]) -> str:
    """Return the name of the only unexported output with the PEM."""
    certificate, _ = the_only(templates["Home"], CERTIFICATE)
    pem = {"Value": {"Fn::GetAtt": [certificate, "PemEncodedCertificate"]}}
    [name] = [name for name, it in templates["Home"]["Outputs"].items() if it == pem]
    return name


@needs_weak_references
def test_same_stack_uses_the_attribute(templates: dict[str, Json]) -> None:
    certificate, _ = the_only(templates["Home"], CERTIFICATE)
    assert stored(templates["Home"]) == {"Fn::GetAtt": [certificate, "PemEncodedCertificate"]}


@needs_weak_references
def test_other_stack_reads_the_output(templates: dict[str, Json], output: str) -> None:
    assert stored(templates["Neighbour"]) == {
        "Fn::GetStackOutput": {
            "StackName": "Home",
            "Region": "eu-west-1",
            "OutputName": output,
        }
    }


@needs_weak_references
def test_stack_in_another_region_reads_the_output(templates: dict[str, Json], output: str) -> None:
    assert stored(templates["OtherRegion"]) == {
        "Fn::GetStackOutput": {
            "StackName": "Home",
            "Region": "eu-west-1",
            "OutputName": output,
        }
    }


@needs_weak_references
def test_stack_in_another_account_reads_the_output_through_a_role(
    templates: dict[str, Json], output: str
) -> None:
    reference = stored(templates["OtherAccount"])["Fn::GetStackOutput"]
    [(_, role)] = [
        (id, it)
        for id, it in of_type(templates["Home"], "AWS::IAM::Role").items()
        if "GetStackOutput" in id
    ]
    assert reference["RoleArn"]["Fn::Join"][1][-1].endswith(role["Properties"]["RoleName"])
    assert {**reference, "RoleArn": None} == {
        "StackName": "Home",
        "Region": "eu-west-1",
        "OutputName": output,
        "RoleArn": None,
    }


@needs_weak_references
def test_reader_role_gets_no_permissions_boundary() -> None:
    """CDK creates this role after aspects have run; SECURITY.md documents that."""
    app = cdk.App()
    home = Stack(app, "Home", env=HOME)
    Stack(app, "Elsewhere", env=OTHER_ACCOUNT).store(
        ClientCertificate(home, "Certificate").pem_encoded_certificate
    )
    boundary = iam.ManagedPolicy.from_managed_policy_name(home, "Boundary", "boundary")
    iam.PermissionsBoundary.of(app).apply(boundary)
    template = Template.from_stack(home).to_json()
    bounded = {
        id: "PermissionsBoundary" in role["Properties"]
        for id, role in of_type(template, "AWS::IAM::Role").items()
    }
    [reader] = [id for id in bounded if "GetStackOutput" in id]
    assert bounded.pop(reader) is False
    assert list(bounded.values()) == [True], "the function's role"
    _, policy = the_only(template, "AWS::IAM::Policy")
    [statement] = policy["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Action"] == "cloudformation:DescribeStacks"


@needs_weak_references
def test_nested_stacks_receive_the_pem(templates: dict[str, Json], output: str) -> None:
    within = templates["Home/Nested"]
    [parameter] = within["Parameters"]
    assert stored(within) == {"Ref": parameter}
    _, nested = the_only(templates["Home"], "AWS::CloudFormation::Stack")
    assert nested["Properties"]["Parameters"] == {parameter: stored(templates["Home"])}
    elsewhere = stored(templates["Neighbour/Nested"])["Fn::GetStackOutput"]
    assert elsewhere["OutputName"] == output


@needs_weak_references
def test_only_the_id_is_exported(templates: dict[str, Json]) -> None:
    exports = [it["Value"] for it in templates["Home"]["Outputs"].values() if "Export" in it]
    certificate, _ = the_only(templates["Home"], CERTIFICATE)
    assert exports == [{"Fn::GetAtt": [certificate, "ClientCertificateId"]}]
    assert "Fn::ImportValue" in stored(templates["Id"])


@needs_weak_references
def test_owning_stack_is_deployed_first() -> None:
    app = cdk.App()
    home, other = Stack(app, "Home"), Stack(app, "Other")
    other.store(ClientCertificate(home, "Certificate").pem_encoded_certificate)
    artifact = app.synth().get_stack_artifact(other.artifact_id)
    assert "Home" in [dependency.id for dependency in artifact.dependencies]


@needs_weak_references
def test_pem_crosses_stacks_in_an_app_stage() -> None:
    stage = cdk.Stage(cdk.App(), "Prod")
    home, other = Stack(stage, "Home"), Stack(stage, "Other")
    other.store(ClientCertificate(home, "Certificate").pem_encoded_certificate)
    reference = stored(Template.from_stack(other).to_json())["Fn::GetStackOutput"]
    assert reference["StackName"] == "Prod-Home"


@needs_weak_references
def test_cross_region_reference_needs_explicit_regions() -> None:
    app = cdk.App()
    home, other = Stack(app, "Home"), Stack(app, "Other", env=cdk.Environment(region="us-east-1"))
    other.store(ClientCertificate(home, "Certificate").pem_encoded_certificate)
    with pytest.raises(RuntimeError, match="only supported for stacks with an explicit region"):
        app.synth()


def test_warns_about_an_export_name_on_a_pem_only() -> None:
    stack = cdk.Stack(cdk.App(), "Stack")
    certificate = ClientCertificate(stack, "Certificate")
    looked_up = ClientCertificate.from_client_certificate_id(stack, "LookedUp", "abc123")
    for name, value in {
        "Pem": certificate.pem_encoded_certificate,
        "LookedUpPem": looked_up.pem_encoded_certificate,
        "Id": certificate.client_certificate_id,
    }.items():
        cdk.CfnOutput(stack, name, value=value, export_name=name)
    cdk.CfnOutput(stack, "Unexported", value=certificate.pem_encoded_certificate)
    found = Annotations.from_stack(stack).find_warning("*", Match.string_like_regexp("has a PEM"))
    assert sorted(warning.id for warning in found) == ["/Stack/LookedUpPem", "/Stack/Pem"]
    [message] = {str(it.entry.data) for it in found if it.id == "/Stack/Pem"}
    assert message.startswith(
        "export 'Pem' has a PEM, which is longer than the 1,024 characters that CloudFormation "
        "exports: leave export_name out;"
    )


@pytest.mark.parametrize(
    "value",
    [
        lambda pem: f"trusted: {pem}",
        lambda _: cdk.Fn.sub("${Certificate4E7ABB08.PemEncodedCertificate}"),
        lambda pem: cdk.Fn.sub("${Pem}", {"Pem": pem}),
        lambda pem: cdk.Fn.base64(pem),
        lambda pem: cdk.Fn.join(",", ["a", cdk.Fn.sub("b ${Pem}", {"Pem": f"c {pem}"})]),
    ],
)
def test_warns_about_an_export_that_contains_a_pem(value: Callable[[str], str]) -> None:
    stack = cdk.Stack(cdk.App(), "Stack")
    pem = ClientCertificate(stack, "Certificate").pem_encoded_certificate
    cdk.CfnOutput(stack, "Out", value=value(pem), export_name="out")
    Annotations.from_stack(stack).has_warning(
        "/Stack/Out", Match.string_like_regexp("^export 'out' has a PEM")
    )


@pytest.mark.parametrize(
    "value",
    [
        lambda pem: cdk.Fn.select(0, cdk.Fn.split("-----", pem)),
        lambda _: cdk.Fn.sub("${!Certificate4E7ABB08.PemEncodedCertificate}"),
        lambda _: cdk.Fn.sub("${Certificate4E7ABB08.ClientCertificateId}"),
    ],
)
def test_does_not_warn_about_an_export_without_a_complete_pem(value: Callable[[str], str]) -> None:
    stack = cdk.Stack(cdk.App(), "Stack")
    pem = ClientCertificate(stack, "Certificate").pem_encoded_certificate
    cdk.CfnOutput(stack, "Out", value=value(pem), export_name="out")
    Annotations.from_stack(stack).has_no_warning("*", Match.string_like_regexp("has a PEM"))


@pytest.fixture
def out_of_a_nested_stack() -> tuple[cdk.NestedStack, Stack]:
    """Return a nested stack and another top-level stack that uses its PEM."""
    app = cdk.App()
    nested = cdk.NestedStack(cdk.Stack(app, "Parent"), "Nested")
    other = Stack(app, "Other")
    other.store(ClientCertificate(nested, "Certificate").pem_encoded_certificate)
    return nested, other


@needs_weak_references
def test_warns_about_the_export_of_a_nested_stacks_pem(
    out_of_a_nested_stack: tuple[cdk.NestedStack, Stack],
) -> None:
    # aws-cdk-lib turns the weak reference into a strong one at a nested stack.
    nested, _ = out_of_a_nested_stack
    parent = nested.nested_stack_parent
    assert parent is not None
    [warning] = Annotations.from_stack(parent).find_warning(
        "*", Match.string_like_regexp("has a PEM")
    )
    assert "use publish_to_parameter, or call CrossStackReferences.of(" in str(warning.entry.data)


@needs_weak_references
def test_suggested_call_avoids_the_nested_stacks_export(
    out_of_a_nested_stack: tuple[cdk.NestedStack, Stack],
) -> None:
    nested, other = out_of_a_nested_stack
    parent, resource = nested.nested_stack_parent, nested.nested_stack_resource
    assert parent is not None
    assert resource is not None
    cdk.CrossStackReferences.of(resource).produce(cdk.ReferenceStrength.WEAK)
    Annotations.from_stack(parent).has_no_warning("*", Match.string_like_regexp("has a PEM"))
    assert stored(Template.from_stack(other).to_json())["Fn::GetStackOutput"]


def test_reports_an_aws_cdk_lib_without_weak_references(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(cdk.Stack, "consume_reference", raising=False)
    app = cdk.App()
    home, other = Stack(app, "Home"), Stack(app, "Other")
    other.store(ClientCertificate(home, "Certificate").pem_encoded_certificate)
    with pytest.raises(RuntimeError) as error:
        app.synth()
    message = str(error.value)
    assert "stack 'Other' uses the PEM of client certificate 'Home/Certificate' in an" in message
    assert "needs aws-cdk-lib 2.258.0 or newer, not 2." in message
    assert "use publish_to_parameter" in message


def test_nested_stacks_need_no_weak_references(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(cdk.Stack, "consume_reference", raising=False)
    stack = cdk.Stack(cdk.App(), "Stack")
    inner, beside = cdk.NestedStack(stack, "Inner"), cdk.NestedStack(stack, "Beside")
    pem = ClientCertificate(inner, "Certificate").pem_encoded_certificate
    ssm.StringParameter(beside, "Stored", string_value=pem)
    cdk.CfnOutput(stack, "Pem", value=pem)
    assert "Ref" in stored(Template.from_stack(beside).to_json())
    template = Template.from_stack(stack).to_json()
    assert not [it for it in template["Outputs"].values() if "Export" in it]


def test_known_pem_is_returned_unchanged() -> None:
    stack = cdk.Stack(cdk.App(), "Stack")
    for id, pem in {"Text": "-----BEGIN", "Token": cdk.Fn.import_value("pem")}.items():
        known = ClientCertificate.from_client_certificate_attributes(
            stack, id, client_certificate_id="abc123", pem_encoded_certificate=pem
        )
        assert known.pem_encoded_certificate == pem


def consumed(build: Callable[[cdk.Stack], IClientCertificate]) -> Any:
    """Return how another stack's template refers to the PEM of the certificate from `build`."""
    app = cdk.App()
    home, other = cdk.Stack(app, "Home"), Stack(app, "Other")
    other.store(build(home).pem_encoded_certificate)
    return stored(Template.from_stack(other).to_json())


def look_up(id: str) -> Callable[[cdk.Stack], IClientCertificate]:
    return lambda stack: ClientCertificate.from_client_certificate_id(stack, "It", id)


def adopt(id: str | None) -> Callable[[cdk.Stack], IClientCertificate]:
    return lambda stack: ClientCertificate(stack, "It", adopt_client_certificate_id=id)


@needs_weak_references
@pytest.mark.parametrize("existing", [look_up, adopt])
def test_new_certificate_id_changes_the_consuming_template(
    existing: Callable[[str], Callable[[cdk.Stack], IClientCertificate]],
) -> None:
    first, again, second = (consumed(existing(id)) for id in ("abc123", "abc123", "def456"))
    assert first == again != second
    [delimiter, [reference]] = first["Fn::Join"]
    assert delimiter == "abc123"
    assert second["Fn::Join"] == ["def456", [reference]], "the resource's logical ID is the same"


@needs_weak_references
def test_starting_or_ending_adoption_changes_the_consuming_template() -> None:
    assert consumed(adopt("abc123")) != consumed(adopt(None))
    assert consumed(adopt(None)).keys() == {"Fn::GetStackOutput"}


@needs_weak_references
def test_new_native_certificate_changes_the_consuming_template() -> None:
    def look_up_native(id: str) -> Callable[[cdk.Stack], IClientCertificate]:
        return lambda stack: ClientCertificate.from_client_certificate_id(
            stack, "It", apigateway.CfnClientCertificate(stack, id).attr_client_certificate_id
        )

    first, second = (consumed(look_up_native(id)) for id in ("Native", "Renewed"))
    assert first != second
    assert first["Fn::Join"][0] == '{"Fn::GetAtt": ["Native", "ClientCertificateId"]}'


def test_same_stack_and_nested_stacks_use_the_plain_attribute() -> None:
    stack = cdk.Stack(cdk.App(), "Stack")
    pem = look_up("abc123")(stack).pem_encoded_certificate
    nested = cdk.NestedStack(stack, "Nested")
    ssm.StringParameter(nested, "Stored", string_value=pem)
    [parameter] = Template.from_stack(nested).to_json()["Parameters"]
    assert stored(Template.from_stack(nested).to_json()) == {"Ref": parameter}
    assert stack.resolve(pem)["Fn::GetAtt"][1] == "PemEncodedCertificate"
