"""Test certificates in realistic apps: helpers, stages, nested stacks and feature flags."""

import gc
import json
import tarfile
from pathlib import Path

import aws_cdk as cdk
import pytest
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_ssm as ssm
from aws_cdk.assertions import Annotations, Match, Template

from cdk_apigateway_client_certificate import ClientCertificate
from tests.unit.support import CERTIFICATE, HAS_WEAK_REFERENCES, Json, of_type, the_only


def test_default_child_is_named_resource() -> None:
    stack = cdk.Stack(cdk.App(), "Stack")
    for construct in (
        ClientCertificate(stack, "Created"),
        ClientCertificate.from_client_certificate_id(stack, "LookedUp", "abc123"),
    ):
        child = construct.node.find_child("Resource")
        assert isinstance(child, cdk.CustomResource)
        assert isinstance(construct.node.default_child, cdk.CfnResource)


def build(app: cdk.App) -> None:
    """Create everything that calls back into Python at synth, without keeping a reference."""
    home, other = cdk.Stack(app, "Home"), cdk.Stack(app, "Other")
    certificate = ClientCertificate(home, "Certificate", tags={"Owner": "Team A"})
    ClientCertificate(home, "Adopted", adopt_client_certificate_id="abc123")
    if HAS_WEAK_REFERENCES:
        ssm.StringParameter(other, "Stored", string_value=certificate.pem_encoded_certificate)
    cdk.CfnOutput(
        home, "Exported", value=certificate.pem_encoded_certificate, export_name="exported"
    )
    stage = apigateway.CfnStage(home, "Stage", rest_api_id="abc", stage_name="v1")
    certificate.attach_to(stage)
    cdk.Tags.of(app).add("aspect", "a")


def assert_weak_reference(template: Json) -> None:
    if HAS_WEAK_REFERENCES:
        _, parameter = the_only(template, "AWS::SSM::Parameter")
        assert "Fn::GetStackOutput" in parameter["Properties"]["Value"]


def collect_garbage() -> None:
    for _ in range(3):
        gc.collect()


def test_callbacks_survive_garbage_collection_before_synth() -> None:
    app = cdk.App()
    build(app)
    collect_garbage()
    home, other = (app.node.find_child(id) for id in ("Home", "Other"))
    assert isinstance(home, cdk.Stack)
    assert isinstance(other, cdk.Stack)
    tags = [{"Key": "Owner", "Value": "Team A"}, {"Key": "aspect", "Value": "a"}]
    found = of_type(Template.from_stack(home).to_json(), CERTIFICATE).values()
    assert [it["Properties"]["Tags"] for it in found] == [tags, tags[1:]]
    assert_weak_reference(Template.from_stack(other).to_json())
    annotations = Annotations.from_stack(home)
    annotations.has_warning("/Home/Certificate", Match.string_like_regexp("^tag 'Owner'"))
    annotations.has_warning("/Home/Exported", Match.string_like_regexp("^export 'exported'"))


def test_validation_survives_garbage_collection_before_synth() -> None:
    app = cdk.App()
    build(app)
    cdk.Tags.of(app).add("k;", "v")
    collect_garbage()
    with pytest.raises(RuntimeError, match="characters that a tag cannot hold"):
        app.synth()


def test_app_stages_have_separate_certificates() -> None:
    app = cdk.App()
    templates = {}
    for name in ("Test", "Prod"):
        stack = cdk.Stack(cdk.Stage(app, name), "Stack")
        ClientCertificate(stack, "Certificate")
        templates[name] = Template.from_stack(stack).to_json()
    assert templates["Test"] == templates["Prod"]


def test_nested_stack_has_its_own_function_and_outputs_the_pem() -> None:
    parent = cdk.Stack(cdk.App(), "Parent")
    ClientCertificate(parent, "Certificate")
    nested = cdk.NestedStack(parent, "Nested")
    inner = ClientCertificate(nested, "Certificate")
    cdk.CfnOutput(parent, "InnerPem", value=inner.pem_encoded_certificate)
    inside, outside = (Template.from_stack(it).to_json() for it in (nested, parent))
    for template in (inside, outside):
        assert len(of_type(template, "AWS::Lambda::Function")) == 1
        assert len(of_type(template, CERTIFICATE)) == 1
    [name] = inside["Outputs"]
    nested_id, _ = the_only(outside, "AWS::CloudFormation::Stack")
    assert outside["Outputs"]["InnerPem"]["Value"] == {"Fn::GetAtt": [nested_id, f"Outputs.{name}"]}


def test_certificates_in_other_constructs_share_the_stacks_function() -> None:
    stack = cdk.Stack(cdk.App(), "Stack")
    for name in ("Orders", "Users"):
        team = cdk.aws_iam.User(stack, name)
        ClientCertificate(team, "Certificate")
        ClientCertificate.from_client_certificate_id(team, "Existing", "abc123")
    template = Template.from_stack(stack).to_json()
    for type in ("AWS::Lambda::Function", "AWS::IAM::Role", "AWS::Logs::LogGroup"):
        assert len(of_type(template, type)) == 1
    assert len(of_type(template, CERTIFICATE)) == 2


def certificates_with(context: Json) -> tuple[Json, Json]:
    app = cdk.App(context=context)
    build(app)
    home, other = (app.node.find_child(id) for id in ("Home", "Other"))
    assert isinstance(home, cdk.Stack)
    assert isinstance(other, cdk.Stack)
    return Template.from_stack(home).to_json(), Template.from_stack(other).to_json()


def recommended_flags() -> Json:
    """Return the flags that cdk init writes into a new app's cdk.json."""
    [package] = Path(cdk.__file__).parent.glob("_jsii/aws-cdk-lib@*.jsii.tgz")
    with tarfile.open(package) as files:
        found = files.extractfile("package/recommended-feature-flags.json")
        assert found is not None
        flags: Json = json.load(found)
    return flags


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"@aws-cdk/core:defaultCrossStackReferences": "weak"},
        {"@aws-cdk/core:validateAgainstDefaultRules": True},
    ],
    ids=str,
)
def test_feature_flags_do_not_change_the_template(more: Json) -> None:
    plain, _ = certificates_with({})
    flagged, other = certificates_with({**recommended_flags(), **more})
    for type in (CERTIFICATE, "AWS::Lambda::Function", "AWS::IAM::Role", "AWS::Logs::LogGroup"):
        assert of_type(flagged, type) == of_type(plain, type)
    assert_weak_reference(other)
