"""The trust parameter: how a stack refers to it, and which names are valid."""

import aws_cdk as cdk
import pytest
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_iam as iam

from tests.unit.rotating.support import (
    ROTATING,
    flat,
    properties,
    resources_of,
    rotating,
    synthesize,
)
from tests.unit.support import of_type, references, the_only


def test_trust_parameter_can_be_read_before_it_exists(
    stack: cdk.Stack, api: apigateway.RestApi
) -> None:
    """If the backend's role depended on the certificate, the stack would have a cycle."""
    certificate = rotating(stack, api)
    user = iam.User(stack, "Backend")
    certificate.trust_parameter.grant_read(user)
    template = synthesize(stack)
    _, policy = the_only(template, "AWS::IAM::Policy")
    [statement] = policy["Properties"]["PolicyDocument"]["Statement"]
    assert flat(statement["Resource"]) == (
        "arn:<AWS::Partition>:ssm:<AWS::Region>:<AWS::AccountId>:parameter/orders/trusted-clients"
    )
    assert not references(policy) & set(of_type(template, ROTATING))


def test_what_depends_on_the_trust_parameter_waits_for_it(
    stack: cdk.Stack, api: apigateway.RestApi
) -> None:
    certificate = rotating(stack, api)
    reader = iam.User(stack, "Reader")
    reader.node.add_dependency(certificate.trust_parameter)
    template = synthesize(stack)
    [logical_id] = of_type(template, ROTATING)
    assert the_only(template, "AWS::IAM::User")[1]["DependsOn"] == [logical_id]


def test_value_of_the_trust_parameter_is_read_at_deploy(
    stack: cdk.Stack, api: apigateway.RestApi
) -> None:
    certificate = rotating(stack, api)
    assert stack.resolve(certificate.trust_parameter.string_value) == (
        "{{resolve:ssm:/orders/trusted-clients}}"
    )
    assert not [it for it in synthesize(stack).get("Parameters", {}) if "Trust" in it]


@pytest.mark.parametrize("name", ["plain-name_1.x", "/a", "/a/b-c/d.e_f", "/" + "/".join("a" * 15)])
def test_accepts_the_parameter_name(stack: cdk.Stack, api: apigateway.RestApi, name: str) -> None:
    rotating(stack, api, trust_parameter_name=name)
    template = synthesize(stack)
    assert properties(template)["TrustParameterName"] == name
    resource = f":parameter{'' if name.startswith('/') else '/'}{name}"
    assert any(it.endswith(resource) for it in resources_of(template, "ssm:GetParameter"))


def test_accepts_a_parameter_name_with_a_token(stack: cdk.Stack, api: apigateway.RestApi) -> None:
    rotating(stack, api, trust_parameter_name=f"/{cdk.Aws.STACK_NAME}/trusted")
    template = synthesize(stack)
    assert flat(properties(template)["TrustParameterName"]) == "/<AWS::StackName>/trusted"
    [resource] = resources_of(template, "ssm:PutParameter")
    assert resource.endswith(":parameter/<AWS::StackName>/trusted")


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("", "is not made of letters"),
        ("/orders/trusted clients", "is not made of letters"),
        ("orders/trusted", "has levels but no leading"),
        ("/orders/", "has an empty level"),
        ("/orders//trusted", "has an empty level"),
        ("/" + "/".join("a" * 16), "has 16 levels: use 15 or fewer"),
        ("/aws/trusted", "which AWS reserves: rename it"),
        ("SSM-trusted", "which AWS reserves: rename it"),
        ("/" + "a" * 900, "has 901 characters: use 900 or fewer"),
    ],
)
def test_refuses_the_parameter_name(
    stack: cdk.Stack, api: apigateway.RestApi, name: str, problem: str
) -> None:
    with pytest.raises(ValueError, match=problem) as error:
        rotating(stack, api, trust_parameter_name=name)
    assert str(error.value).startswith("Stack/Rotating: parameter name ")


def test_refuses_a_parameter_name_that_starts_with_a_token(
    stack: cdk.Stack, api: apigateway.RestApi
) -> None:
    with pytest.raises(ValueError, match=r"starts with a token, .*: start it with"):
        rotating(stack, api, trust_parameter_name=f"{cdk.Aws.STACK_NAME}/trusted")
