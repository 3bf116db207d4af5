"""Which methods can be backend checks."""

import aws_cdk as cdk
import pytest
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Annotations, Match

from tests.unit.rotating.support import flat, health_of, properties, rest_api, rotating, synthesize


def test_head_method_and_plain_http_integration(stack: cdk.Stack, api: apigateway.RestApi) -> None:
    integration = apigateway.HttpIntegration("https://backend.example.com/", proxy=False)
    check = api.root.add_resource("health").add_method("HEAD", integration)
    rotating(stack, api, backend_checks=[check])
    [path] = properties(synthesize(stack))["BackendChecks"]
    assert flat(path).endswith("/methods/HEAD")


@pytest.mark.parametrize(
    ("verb", "integration", "message"),
    [
        ("POST", apigateway.HttpIntegration("https://x.example.com/"), "is a POST method"),
        ("ANY", apigateway.HttpIntegration("https://x.example.com/"), "is a ANY method"),
        ("GET", apigateway.MockIntegration(), "has integration type MOCK"),
    ],
)
def test_refuses_a_check(
    app: cdk.App,
    stack: cdk.Stack,
    api: apigateway.RestApi,
    verb: str,
    integration: apigateway.Integration,
    message: str,
) -> None:
    check = api.root.add_resource("check").add_method(verb, integration)
    rotating(stack, api, backend_checks=[check])
    with pytest.raises(RuntimeError, match=message):
        app.synth()


def test_refuses_a_check_of_a_function(
    app: cdk.App, stack: cdk.Stack, api: apigateway.RestApi
) -> None:
    function = lambda_.Function.from_function_arn(
        stack, "Backend", "arn:aws:lambda:eu-west-1:111111111111:function:backend"
    )
    integration = apigateway.LambdaIntegration(function)
    check = api.root.add_resource("check").add_method("GET", integration)
    rotating(stack, api, backend_checks=[check])
    with pytest.raises(RuntimeError, match="has integration type AWS_PROXY"):
        app.synth()


def test_refuses_a_check_that_an_override_changed(
    app: cdk.App, stack: cdk.Stack, api: apigateway.RestApi
) -> None:
    check = health_of(api)
    rotating(stack, api, backend_checks=[check])
    method = check.node.default_child
    assert isinstance(method, apigateway.CfnMethod)
    method.add_property_override("Integration.Type", "MOCK")
    with pytest.raises(RuntimeError, match="has integration type MOCK"):
        app.synth()


def test_refuses_a_check_with_path_parameters(stack: cdk.Stack, api: apigateway.RestApi) -> None:
    integration = apigateway.HttpIntegration("https://x.example.com/")
    orders = api.root.add_resource("orders").add_resource("{id}")
    with pytest.raises(ValueError, match=r"has the path '/orders/\{id\}'"):
        rotating(stack, api, backend_checks=[orders.add_method("GET", integration)])


def test_refuses_a_check_of_an_api_without_managed_stage(
    stack: cdk.Stack, api: apigateway.RestApi
) -> None:
    other = rest_api(stack, "Other")
    with pytest.raises(ValueError, match="REST API 'Stack/Other', which has no stage in stages"):
        rotating(stack, api, backend_checks=[health_of(other)])


def test_refuses_a_check_that_is_not_a_method(stack: cdk.Stack, api: apigateway.RestApi) -> None:
    with pytest.raises(ValueError, match="is not a method of a REST API: use what add_method"):
        rotating(stack, api, backend_checks=[api.root])


def test_warns_about_stages_without_a_check(stack: cdk.Stack, api: apigateway.RestApi) -> None:
    second = rest_api(stack, "Second")
    stages = [api.deployment_stage, second.deployment_stage]
    rotating(stack, api, stages=stages, backend_checks=[health_of(second)])
    Annotations.from_stack(stack).has_warning(
        "/Stack/Rotating",
        Match.string_like_regexp(
            r"nothing proves .* before they present it: Stack/Api/\S+; pass a GET or HEAD"
        ),
    )


def test_does_not_warn_when_every_stage_has_a_check(
    stack: cdk.Stack, api: apigateway.RestApi
) -> None:
    rotating(stack, api, backend_checks=[health_of(api)])
    Annotations.from_stack(stack).has_no_warning("/Stack/Rotating", Match.any_value())
