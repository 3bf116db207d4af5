"""Test removal policies and the adoption of existing certificates."""

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Template

from cdk_apigateway_client_certificate import ClientCertificate
from tests.unit.support import CERTIFICATE, Json, the_only


def definition(stack: cdk.Stack) -> Json:
    return the_only(Template.from_stack(stack).to_json(), CERTIFICATE)[1]


def test_adopted_certificate_is_a_property(stack: cdk.Stack) -> None:
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
def test_removal_policy_sets_deletion_and_replacement_policies(
    stack: cdk.Stack, policy: cdk.RemovalPolicy, deletion: str, replacement: str
) -> None:
    ClientCertificate(stack, "Certificate", removal_policy=policy)
    found = definition(stack)
    assert (found["DeletionPolicy"], found["UpdateReplacePolicy"]) == (deletion, replacement)


@pytest.mark.parametrize("policy", cdk.RemovalPolicy, ids=str)
def test_adoption_allows_any_removal_policy(stack: cdk.Stack, policy: cdk.RemovalPolicy) -> None:
    """No policy is unsafe, since the function never deletes an adopted certificate."""
    adopted, created = (
        ClientCertificate(
            stack, id, removal_policy=policy, adopt_client_certificate_id=existing
        ).node.default_child
        for id, existing in (("Adopted", "abc123"), ("Created", None))
    )
    assert isinstance(adopted, cdk.CfnResource)
    assert isinstance(created, cdk.CfnResource)
    assert adopted.cfn_options.deletion_policy == created.cfn_options.deletion_policy
    assert adopted.cfn_options.update_replace_policy == created.cfn_options.update_replace_policy


@pytest.mark.parametrize("id", ["", "a/b", "arn:aws:x", "äbc", "a b", "../x", "*"])
def test_refuses_an_invalid_id(stack: cdk.Stack, id: str) -> None:
    with pytest.raises(ValueError, match="is not the ID of a client certificate: use one that"):
        ClientCertificate(stack, "Certificate", adopt_client_certificate_id=id)


def test_id_can_be_a_token(stack: cdk.Stack) -> None:
    parameter = cdk.CfnParameter(stack, "Id")
    ClientCertificate(stack, "Certificate", adopt_client_certificate_id=parameter.value_as_string)
    assert definition(stack)["Properties"]["AdoptClientCertificateId"] == {"Ref": "Id"}
