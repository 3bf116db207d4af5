"""Retained certificates, and existing ones that a stack adopts."""

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Template

from cdk_apigateway_client_certificate import ClientCertificate
from tests.unit.support import CERTIFICATE, Json, the_only


@pytest.fixture
def stack() -> cdk.Stack:
    return cdk.Stack(cdk.App(), "Stack")


def definition(stack: cdk.Stack) -> Json:
    return the_only(Template.from_stack(stack).to_json(), CERTIFICATE)[1]


def test_an_adopted_certificate_is_a_property(stack: cdk.Stack) -> None:
    ClientCertificate(
        stack,
        "Certificate",
        adopt_client_certificate_id="abc123",
        description="orders",
        tags={"team": "edge"},
    )
    found = definition(stack)
    assert {**found["Properties"], "ServiceToken": None} == {
        "ServiceToken": None,
        "ServiceTimeout": "1200",
        "AdoptClientCertificateId": "abc123",
        "Description": "orders",
        "Tags": [{"Key": "team", "Value": "edge"}],
    }
    assert found["DeletionPolicy"] == found["UpdateReplacePolicy"] == "Delete"


@pytest.mark.parametrize(
    ("policy", "deletion", "replacement"),
    [
        (cdk.RemovalPolicy.DESTROY, "Delete", "Delete"),
        (cdk.RemovalPolicy.RETAIN, "Retain", "Retain"),
        (cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE, "RetainExceptOnCreate", "Retain"),
    ],
)
def test_what_a_stack_makes_may_have_any_of_these_policies(
    stack: cdk.Stack, policy: cdk.RemovalPolicy, deletion: str, replacement: str
) -> None:
    ClientCertificate(stack, "Certificate", removal_policy=policy)
    found = definition(stack)
    assert (found["DeletionPolicy"], found["UpdateReplacePolicy"]) == (deletion, replacement)


@pytest.mark.parametrize("policy", cdk.RemovalPolicy, ids=str)
def test_adopts_with_any_removal_policy(stack: cdk.Stack, policy: cdk.RemovalPolicy) -> None:
    """The function never deletes an adopted certificate, so no policy is unsafe."""
    kept, made = (
        ClientCertificate(
            stack, id, removal_policy=policy, adopt_client_certificate_id=existing
        ).node.default_child
        for id, existing in (("Adopted", "abc123"), ("Made", None))
    )
    assert isinstance(kept, cdk.CfnResource)
    assert isinstance(made, cdk.CfnResource)
    assert kept.cfn_options.deletion_policy == made.cfn_options.deletion_policy
    assert kept.cfn_options.update_replace_policy == made.cfn_options.update_replace_policy


@pytest.mark.parametrize("id", ["", "a/b", "arn:aws:x", "äbc", "a b", "../x", "*"])
def test_what_cannot_be_an_id_is_refused(stack: cdk.Stack, id: str) -> None:
    with pytest.raises(ValueError, match="is not the ID of a client certificate: use one that"):
        ClientCertificate(stack, "Certificate", adopt_client_certificate_id=id)


def test_the_id_may_be_a_token(stack: cdk.Stack) -> None:
    parameter = cdk.CfnParameter(stack, "Id")
    ClientCertificate(stack, "Certificate", adopt_client_certificate_id=parameter.value_as_string)
    assert definition(stack)["Properties"]["AdoptClientCertificateId"] == {"Ref": "Id"}
