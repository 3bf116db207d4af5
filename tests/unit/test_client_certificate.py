"""Test the construct's template and its validation."""

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Template

from cdk_apigateway_client_certificate import ClientCertificate
from tests.unit.support import CERTIFICATE, Json, of_type, the_only


@pytest.fixture(scope="module")
def stack() -> cdk.Stack:
    """Return a stack that the tests share; each uses its own construct IDs."""
    return cdk.Stack(cdk.App(), "Stack")


def test_resource_has_the_documented_properties(ready_made: Json) -> None:
    function, _ = the_only(ready_made, "AWS::Lambda::Function")
    _, certificate = the_only(ready_made, CERTIFICATE)
    assert certificate == {
        "Type": "Custom::ApiGatewayClientCertificate",
        "Properties": {
            "ServiceToken": {"Fn::GetAtt": [function, "Arn"]},
            "ServiceTimeout": "1200",
            "Description": "orders",
            "Tags": [{"Key": "env", "Value": "test"}, {"Key": "team", "Value": "a"}],
        },
        "DeletionPolicy": "Delete",
        "UpdateReplacePolicy": "Delete",
    }


def test_omits_properties_without_a_value(two_stacks: tuple[Json, Json]) -> None:
    many, _ = two_stacks
    for certificate in of_type(many, CERTIFICATE).values():
        assert certificate["Properties"].keys() == {"ServiceToken", "ServiceTimeout"}


def test_certificate_can_be_retained(two_stacks: tuple[Json, Json]) -> None:
    _, certificate = the_only(two_stacks[1], CERTIFICATE)
    assert certificate["DeletionPolicy"] == certificate["UpdateReplacePolicy"] == "Retain"


def test_attributes_resolve_to_get_att() -> None:
    stack = cdk.Stack(cdk.App(), "Stack")
    certificate = ClientCertificate(stack, "Certificate")
    attributes = {
        "ClientCertificateId": certificate.client_certificate_id,
        "ClientCertificateArn": certificate.client_certificate_arn,
        "PemEncodedCertificate": certificate.pem_encoded_certificate,
        "CreatedDate": certificate.created_date,
        "ExpirationDate": certificate.expiration_date,
    }
    [logical_id] = of_type(Template.from_stack(stack).to_json(), CERTIFICATE)
    assert stack.resolve(attributes) == {
        name: {"Fn::GetAtt": [logical_id, name]} for name in attributes
    }


def test_token_does_not_hide_an_invalid_tag_key(stack: cdk.Stack) -> None:
    ClientCertificate(
        stack, "Tokens", tags={"region": cdk.Aws.REGION, cdk.Fn.import_value("key"): "value"}
    )
    with pytest.raises(ValueError, match="tag key 'aws:x'"):
        ClientCertificate(stack, "Mixed", tags={"aws:x": cdk.Aws.REGION})


def test_supports_apply_removal_policy_and_property_overrides() -> None:
    stack = cdk.Stack(cdk.App(), "Stack")
    certificate = ClientCertificate(stack, "Certificate")
    certificate.apply_removal_policy(cdk.RemovalPolicy.RETAIN)
    resource = certificate.node.default_child
    assert isinstance(resource, cdk.CfnResource)
    resource.add_property_override("Description", "overridden")
    _, definition = the_only(Template.from_stack(stack).to_json(), CERTIFICATE)
    assert definition["DeletionPolicy"] == "Retain"
    assert definition["Properties"]["Description"] == "overridden"


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ({"": "x"}, "tag key '' has 0 characters: use 1 to 128"),
        ({"k" * 129: "x"}, "has 129 characters: use 1 to 128"),
        ({"k": "v" * 257}, "value of tag 'k' has 257 characters: use 256"),
        ({"aws:k": "v"}, "tag key 'aws:k' starts with 'aws:'"),
        ({"client-certificate:k": "v"}, "tag key 'client-certificate:k' starts with"),
        ({"k": "a;b"}, "tag 'k' = 'a;b' has characters that a tag cannot hold"),
        ({f"k{n}": "" for n in range(48)}, "too many tags: 48;"),
    ],
)
def test_refuses_invalid_tags_and_names_the_construct_path(
    stack: cdk.Stack, tags: dict[str, str], message: str
) -> None:
    id = f"Refused{len(stack.node.children)}"
    with pytest.raises(ValueError) as error:  # noqa: PT011 (the message is compared below)
        ClientCertificate(stack, id, tags=tags)
    assert str(error.value).startswith(f"Stack/{id}: ")
    assert message in str(error.value)


def test_accepts_tags_at_the_limits(stack: cdk.Stack) -> None:
    tags = {f"k{n}": "" for n in range(46)}
    ClientCertificate(stack, "Limits", tags={**tags, "k" * 128: "v" * 256})
