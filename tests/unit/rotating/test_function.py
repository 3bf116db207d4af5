"""The function that rotates: its permissions, and what certificates of a stack share."""

import aws_cdk as cdk
import pytest
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_

from cdk_apigateway_client_certificate import ClientCertificate, ClientCertificateProvider
from tests.unit.rotating.support import (
    FUNCTION,
    MANAGED_POLICY,
    ROTATING,
    RULE,
    SCHEDULE,
    STAGE,
    flat,
    health_of,
    permissions,
    resources_of,
    rest_api,
    rotating,
    synthesize,
)
from tests.unit.support import of_type, the_only


def test_function_has_least_privilege(stack: cdk.Stack, api: apigateway.RestApi) -> None:
    socket = apigatewayv2.WebSocketApi(stack, "Socket")
    stage = apigatewayv2.WebSocketStage(stack, "V1", web_socket_api=socket, stage_name="v1")
    stages = [api.deployment_stage, stage]
    rotating(stack, api, stages=stages, backend_checks=[health_of(api)])
    template = synthesize(stack)
    [rest] = of_type(template, "AWS::ApiGateway::RestApi")
    [rest_stage] = of_type(template, STAGE)
    [health] = of_type(template, "AWS::ApiGateway::Resource")
    [web_socket] = of_type(template, "AWS::ApiGatewayV2::Api")
    [web_socket_stage] = of_type(template, "AWS::ApiGatewayV2::Stage")
    root = "arn:<AWS::Partition>:apigateway:<AWS::Region>::"
    encoded = "arn%3A<AWS::Partition>%3Aapigateway%3A<AWS::Region>%3A%3A%2Fclientcertificates%2F*"
    rest_path = f"{root}/restapis/<{rest}>/stages/<{rest_stage}>"
    web_socket_path = f"{root}/apis/<{web_socket}>/stages/<{web_socket_stage}>"
    account = "<AWS::Region>:<AWS::AccountId>"
    parameter = f"arn:<AWS::Partition>:ssm:{account}:parameter/orders/trusted-clients"
    assert permissions(template) == {
        ("apigateway:GET", f"{root}/clientcertificates"),
        ("apigateway:POST", f"{root}/clientcertificates"),
        ("apigateway:GET", f"{root}/clientcertificates/*"),
        ("apigateway:PATCH", f"{root}/clientcertificates/*"),
        ("apigateway:DELETE", f"{root}/clientcertificates/*"),
        ("apigateway:GET", f"{root}/tags/{encoded}"),
        ("apigateway:PUT", f"{root}/tags/{encoded}"),
        ("apigateway:DELETE", f"{root}/tags/{encoded}"),
        ("apigateway:GET", f"{root}/restapis"),
        ("apigateway:GET", f"{root}/restapis/*/stages"),
        ("apigateway:GET", f"{root}/apis"),
        ("apigateway:GET", f"{root}/apis/*/stages"),
        ("apigateway:GET", rest_path),
        ("apigateway:PATCH", rest_path),
        ("apigateway:GET", web_socket_path),
        ("apigateway:PATCH", web_socket_path),
        ("apigateway:POST", f"{root}/restapis/<{rest}>/resources/<{health}>/methods/GET"),
        ("ssm:AddTagsToResource", parameter),
        ("ssm:DeleteParameter", parameter),
        ("ssm:GetParameter", parameter),
        ("ssm:ListTagsForResource", parameter),
        ("ssm:PutParameter", parameter),
        ("events:PutEvents", f"arn:<AWS::Partition>:events:{account}:event-bus/default"),
    }


def test_certificates_of_a_stack_share_function_and_schedule(stack: cdk.Stack) -> None:
    for number in range(11):
        rotating(
            stack,
            rest_api(stack, f"Api{number}"),
            id=f"R{number}",
            trust_parameter_name=f"/{number}",
        )
    template = synthesize(stack)
    assert len(of_type(template, ROTATING)) == len(of_type(template, RULE)) == 11
    for one in (FUNCTION, SCHEDULE, "AWS::Logs::LogGroup"):
        the_only(template, one)
    assert len(of_type(template, MANAGED_POLICY)) == 2
    assert len(resources_of(template, "ssm:PutParameter")) == 11


def test_function_is_separate_from_that_of_plain_certificates(
    stack: cdk.Stack, api: apigateway.RestApi
) -> None:
    ClientCertificate(stack, "Plain")
    before = synthesize(stack_with_plain_certificate())
    rotating(stack, api)
    template = synthesize(stack)
    functions = of_type(template, FUNCTION)
    assert len(functions) == 2
    assert len({flat(it["Properties"]["Code"]["S3Key"]) for it in functions.values()}) == 1
    assert len({it["Properties"]["Handler"] for it in functions.values()}) == 1
    for id, resource in before["Resources"].items():
        assert template["Resources"][id] == resource


def stack_with_plain_certificate() -> cdk.Stack:
    stack = cdk.Stack(cdk.App(), "Stack")
    ClientCertificate(stack, "Plain")
    return stack


def policy_ids(*parameters: str, stages: int = 1) -> set[str]:
    """Return the logical IDs of the managed policies of a stack with these certificates."""
    stack = cdk.Stack(cdk.App(), "Stack")
    for index, parameter in enumerate(parameters):
        apis = [rest_api(stack, f"Api{index}-{number}") for number in range(stages)]
        listed = [api.deployment_stage for api in apis]
        rotating(stack, apis[0], id=f"R{index}", stages=listed, trust_parameter_name=parameter)
    return set(of_type(synthesize(stack), MANAGED_POLICY))


def test_policy_is_replaced_when_its_statements_change() -> None:
    """The old policy lets the function detach a stage that a deploy removes: see `_rotation`."""
    one = policy_ids("/a")
    assert policy_ids("/a") == one
    for other in (policy_ids("/b"), policy_ids("/a", "/b"), policy_ids("/a", stages=2)):
        assert not one & other


def test_options_of_the_provider_apply(stack: cdk.Stack, api: apigateway.RestApi) -> None:
    role = iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    ClientCertificateProvider.configure(
        stack, memory_size=512, runtime=lambda_.Runtime.PYTHON_3_12, role=role
    )
    rotating(stack, api)
    functions = of_type(synthesize(stack), FUNCTION).values()
    assert [it["Properties"]["MemorySize"] for it in functions] == [512, 512]
    assert [it["Properties"]["Runtime"] for it in functions] == ["python3.12"] * 2
    assert len({str(it["Properties"]["Role"]) for it in functions}) == 2


def test_refuses_options_after_the_first_rotating_certificate(
    stack: cdk.Stack, api: apigateway.RestApi
) -> None:
    rotating(stack, api)
    with pytest.raises(ValueError, match="before the stack's first certificate"):
        ClientCertificateProvider.configure(stack, memory_size=512)
