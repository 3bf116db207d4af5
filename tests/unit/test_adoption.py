"""Certificates that outlive their stack, and existing ones that are taken into a stack's care."""

import re

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Template

from cdk_apigateway_client_certificate import ClientCertificate
from tests.unit.support import CERTIFICATE, Json, the_only

RETAIN = cdk.RemovalPolicy.RETAIN
ADVICE = re.escape("adopt with removal_policy=RemovalPolicy.RETAIN")


@pytest.fixture
def stack() -> cdk.Stack:
    return cdk.Stack(cdk.App(), "Stack")


def definition(stack: cdk.Stack) -> Json:
    return the_only(Template.from_stack(stack).to_json(), CERTIFICATE)[1]


def test_an_adopted_certificate_is_named_and_kept(stack: cdk.Stack) -> None:
    ClientCertificate(
        stack,
        "Certificate",
        adopt_client_certificate_id="abc123",
        removal_policy=RETAIN,
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
    assert found["DeletionPolicy"] == found["UpdateReplacePolicy"] == "Retain"


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


@pytest.mark.parametrize(
    "policy",
    # RETAIN_ON_UPDATE_OR_DELETE deletes when a Create is rolled back.
    [{}, *({"removal_policy": policy} for policy in cdk.RemovalPolicy if policy is not RETAIN)],
    ids=str,
)
def test_adopting_needs_retain_since_a_rollback_would_delete(
    stack: cdk.Stack, policy: dict[str, cdk.RemovalPolicy]
) -> None:
    with pytest.raises(ValueError, match=ADVICE) as error:
        ClientCertificate(stack, "Certificate", adopt_client_certificate_id="abc123", **policy)
    assert str(error.value).startswith("Stack/Certificate: client certificate 'abc123' is adopted")


@pytest.mark.parametrize("policy", [it for it in cdk.RemovalPolicy if it is not RETAIN], ids=str)
def test_a_policy_that_comes_later_is_held_to_the_same(
    stack: cdk.Stack, policy: cdk.RemovalPolicy
) -> None:
    certificate = ClientCertificate(
        stack, "Certificate", adopt_client_certificate_id="abc123", removal_policy=RETAIN
    )
    certificate.apply_removal_policy(policy)
    with pytest.raises(RuntimeError, match=ADVICE):
        Template.from_stack(stack)


def test_an_aspect_over_the_app_cannot_make_an_adopted_certificate_deletable() -> None:
    app = cdk.App()
    stack = cdk.Stack(app, "Stack")
    ClientCertificate(
        stack, "Certificate", adopt_client_certificate_id="abc123", removal_policy=RETAIN
    )
    cdk.RemovalPolicies.of(app).destroy()
    with pytest.raises(RuntimeError, match=ADVICE):
        app.synth()


@pytest.mark.parametrize("id", ["", "a/b", "arn:aws:x", "äbc", "a b", "../x", "*"])
def test_what_cannot_be_an_id_is_refused(stack: cdk.Stack, id: str) -> None:
    with pytest.raises(ValueError, match="is not the ID of a client certificate: use what"):
        ClientCertificate(
            stack, "Certificate", adopt_client_certificate_id=id, removal_policy=RETAIN
        )


def test_the_id_may_be_a_token(stack: cdk.Stack) -> None:
    parameter = cdk.CfnParameter(stack, "Id")
    ClientCertificate(
        stack,
        "Certificate",
        adopt_client_certificate_id=parameter.value_as_string,
        removal_policy=RETAIN,
    )
    assert definition(stack)["Properties"]["AdoptClientCertificateId"] == {"Ref": "Id"}
