"""Which stages a certificate can manage, and in which stacks."""

from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_iam as iam

from cdk_apigateway_client_certificate import ClientCertificate
from tests.unit.rotating.support import (
    ROTATING,
    RULE,
    flat,
    health_of,
    l1,
    properties,
    rest_api,
    rotating,
    synthesize,
)
from tests.unit.support import of_type, references, the_only


def test_refuses_no_stages(stack: cdk.Stack, api: apigateway.RestApi) -> None:
    with pytest.raises(ValueError, match="stages is empty: list at least one stage"):
        rotating(stack, api, stages=[])


def test_refuses_a_stage_twice(stack: cdk.Stack, api: apigateway.RestApi) -> None:
    stage = api.deployment_stage
    with pytest.raises(ValueError, match="is listed twice: remove one"):
        rotating(stack, api, stages=[stage, stage.node.default_child])


def imported_stage(stack: cdk.Stack) -> apigateway.IStage:
    api = apigateway.RestApi.from_rest_api_id(stack, "ImportedApi", "abc")
    return apigateway.Stage.from_stage_attributes(stack, "Imported", stage_name="v1", rest_api=api)


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        (imported_stage, "stage 'Stack/Imported' was imported"),
        (lambda stack: apigatewayv2.HttpApi(stack, "Http").default_stage, "HTTP API"),
        (lambda stack: iam.User(stack, "User"), "is not a stage of a REST API"),
    ],
)
def test_refuses_a_stage(
    stack: cdk.Stack, api: apigateway.RestApi, stage: Callable[[cdk.Stack], Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message) as error:
        rotating(stack, api, stages=[stage(stack)])
    assert str(error.value).startswith("Stack/Rotating: ")


@pytest.mark.parametrize("env", [{"region": "us-east-1"}, {"account": "2" * 12}])
def test_refuses_a_stage_in_another_environment(app: cdk.App, env: dict[str, str]) -> None:
    home = {"account": "1" * 12, "region": "eu-west-1"}
    stack = cdk.Stack(app, "Home", env=cdk.Environment(**home))
    other = cdk.Stack(app, "Other", env=cdk.Environment(**{**home, **env}))
    with pytest.raises(ValueError, match="create a RotatingClientCertificate in each") as error:
        rotating(stack, rest_api(other))
    assert "aws://111111111111/eu-west-1" in str(error.value)


def test_stage_in_another_stack(app: cdk.App, stack: cdk.Stack) -> None:
    other = cdk.Stack(app, "Front")
    api = rest_api(other)
    rotating(stack, api, backend_checks=[health_of(api)])
    template = synthesize(stack)
    assert flat(properties(template)["Stages"][0]).startswith("/restapis/<import Front:")
    assert stack.dependencies == [other]
    _, rule = the_only(template, RULE)
    [stack_id] = rule["Properties"]["EventPattern"]["detail"]["stack-id"]
    assert "AWSStackId" in flat(stack_id)


def test_stage_in_a_nested_stack(stack: cdk.Stack) -> None:
    nested = cdk.NestedStack(stack, "Nested")
    rotating(stack, rest_api(nested))
    template = synthesize(stack)
    assert len(properties(template)["StageSettings"]) == 64
    assert set(of_type(template, "AWS::CloudFormation::Stack")) <= references(
        the_only(template, ROTATING)[1]
    )


def test_certificate_in_a_nested_stack(stack: cdk.Stack, api: apigateway.RestApi) -> None:
    nested = cdk.NestedStack(stack, "Nested")
    rotating(nested, api)
    assert len(properties(synthesize(nested))["StageSettings"]) == 64


def name_by_argument(_: cdk.Stack, api: apigateway.RestApi) -> None:
    l1(api).client_certificate_id = "abc123"


def name_by_override(_: cdk.Stack, api: apigateway.RestApi) -> None:
    l1(api).add_property_override("ClientCertificateId", "abc123")


def name_by_attaching(stack: cdk.Stack, api: apigateway.RestApi) -> None:
    ClientCertificate(stack, "Other").attach_to(api.deployment_stage)


@pytest.mark.parametrize("name", [name_by_argument, name_by_override, name_by_attaching])
def test_refuses_a_stage_whose_template_names_a_certificate(
    app: cdk.App,
    stack: cdk.Stack,
    api: apigateway.RestApi,
    name: Callable[[cdk.Stack, apigateway.RestApi], None],
) -> None:
    rotating(stack, api)
    name(stack, api)
    with pytest.raises(RuntimeError, match=r"names client certificate .*: remove it") as error:
        app.synth()
    assert "adopt_client_certificate_id" in str(error.value)


def test_refuses_a_named_certificate_in_another_stack(app: cdk.App, stack: cdk.Stack) -> None:
    api = rest_api(cdk.Stack(app, "Front"))
    rotating(stack, api)
    name_by_override(stack, api)
    with pytest.raises(RuntimeError, match=r"stage 'Front/Api/DeploymentStage\.prod/Resource'"):
        app.synth()


@pytest.mark.parametrize("same", ["stage", "parameter"])
def test_refuses_certificates_that_share(
    stack: cdk.Stack, api: apigateway.RestApi, same: str
) -> None:
    rotating(stack, api, id="First")
    second: dict[str, Any] = (
        {"trust_parameter_name": "/other"}
        if same == "stage"
        else {"stages": [rest_api(stack, "Second").deployment_stage]}
    )
    with pytest.raises(ValueError, match="'Stack/First' has the same stage or trust parameter"):
        rotating(stack, api, **second)
