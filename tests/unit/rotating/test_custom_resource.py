"""The custom resource of `RotatingClientCertificate`: properties, dependencies, attributes."""

from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_iam as iam

from cdk_apigateway_client_certificate import IClientCertificate
from cdk_apigateway_client_certificate.rotating_client_certificate import RotatingClientCertificate
from lambda_handler.contract import RotatingProperty
from tests.unit.rotating.support import (
    FUNCTION,
    MANAGED_POLICY,
    ROTATING,
    RULE,
    SCHEDULE,
    STAGE,
    flat,
    health_of,
    properties,
    rotating,
    synthesize,
)
from tests.unit.support import of_type, references, the_only


def test_properties(stack: cdk.Stack, api: apigateway.RestApi) -> None:
    rotating(
        stack,
        api,
        description="orders",
        tags={"team": "edge"},
        rotate_before_expiry=cdk.Duration.days(90),
        overlap=cdk.Duration.hours(12),
        backend_checks=[health_of(api)],
        rotation_reason="2027-01 audit",
        adopt_client_certificate_id="abc123",
    )
    template = synthesize(stack)
    found = properties(template)
    [rest] = of_type(template, "AWS::ApiGateway::RestApi")
    [stage] = of_type(template, STAGE)
    [health] = of_type(template, "AWS::ApiGateway::Resource")
    assert found.pop("ServiceToken") == {"Fn::GetAtt": [the_only(template, FUNCTION)[0], "Arn"]}
    assert found.pop("ServiceTimeout") == "1200"
    assert len(found.pop("StageSettings")) == 64
    assert [flat(path) for path in found.pop("Stages")] == [f"/restapis/<{rest}>/stages/<{stage}>"]
    assert [flat(path) for path in found.pop("BackendChecks")] == [
        f"/restapis/<{rest}>/resources/<{health}>/methods/GET"
    ]
    assert found == {
        "Description": "orders",
        "Tags": [{"Key": "team", "Value": "edge"}],
        "AdoptClientCertificateId": "abc123",
        "TrustParameterName": "/orders/trusted-clients",
        "RotateBeforeExpirySeconds": 90 * 86400,
        "OverlapSeconds": 43200,
        "RotationReason": "2027-01 audit",
    }


def test_properties_without_options(stack: cdk.Stack, api: apigateway.RestApi) -> None:
    rotating(stack, api)
    found = properties(synthesize(stack))
    assert found.keys() - {"ServiceToken", "ServiceTimeout"} == {
        "Stages",
        "TrustParameterName",
        "RotateBeforeExpirySeconds",
        "OverlapSeconds",
        "StageSettings",
    }
    assert found["RotateBeforeExpirySeconds"] == 60 * 86400
    assert found["OverlapSeconds"] == 14 * 86400
    assert found.keys() - {"ServiceToken", "ServiceTimeout"} <= RotatingProperty.ALL


def test_web_socket_stage(stack: cdk.Stack, api: apigateway.RestApi) -> None:
    socket = apigatewayv2.WebSocketApi(stack, "Socket")
    stage = apigatewayv2.WebSocketStage(stack, "V1", web_socket_api=socket, stage_name="v1")
    rotating(stack, api, stages=[stage, api.deployment_stage])
    template = synthesize(stack)
    [api_id] = of_type(template, "AWS::ApiGatewayV2::Api")
    [stage_id] = of_type(template, "AWS::ApiGatewayV2::Stage")
    assert flat(properties(template)["Stages"][0]) == f"/apis/<{api_id}>/stages/<{stage_id}>"


def test_is_created_after_its_stages_and_before_schedule_and_rule(
    stack: cdk.Stack, api: apigateway.RestApi
) -> None:
    rotating(stack, api)
    template = synthesize(stack)
    certificate, resource = the_only(template, ROTATING)
    for needed in (STAGE, FUNCTION, MANAGED_POLICY):
        assert set(of_type(template, needed)) <= references(resource)
    for later in (SCHEDULE, RULE):
        assert certificate in references(the_only(template, later)[1])


def test_log_group_is_deleted_after_the_role(stack: cdk.Stack, api: apigateway.RestApi) -> None:
    rotating(stack, api)
    template = synthesize(stack)
    _, function = the_only(template, FUNCTION)
    [role] = references(function["Properties"]["Role"])
    [log_group] = of_type(template, "AWS::Logs::LogGroup")
    assert log_group in references(template["Resources"][role])


@pytest.mark.parametrize(
    ("policy", "deletion"),
    [(cdk.RemovalPolicy.DESTROY, "Delete"), (cdk.RemovalPolicy.RETAIN, "Retain")],
)
def test_removal_policy(
    stack: cdk.Stack, api: apigateway.RestApi, policy: cdk.RemovalPolicy, deletion: str
) -> None:
    rotating(stack, api, removal_policy=policy)
    _, resource = the_only(synthesize(stack), ROTATING)
    assert resource["DeletionPolicy"] == resource["UpdateReplacePolicy"] == deletion


def test_attributes(stack: cdk.Stack, api: apigateway.RestApi) -> None:
    certificate: IClientCertificate = rotating(stack, api)
    [logical_id] = of_type(synthesize(stack), ROTATING)
    attributes = {
        "client_certificate_id": "ClientCertificateId",
        "client_certificate_arn": "ClientCertificateArn",
        "pem_encoded_certificate": "PemEncodedCertificate",
        "created_date": "CreatedDate",
        "expiration_date": "ExpirationDate",
    }
    assert {name: stack.resolve(getattr(certificate, name)) for name in attributes} == {
        name: {"Fn::GetAtt": [logical_id, attribute]} for name, attribute in attributes.items()
    }


def test_has_every_member_of_the_interface() -> None:
    for name in {name for name in vars(IClientCertificate) if not name.startswith("_")}:
        assert hasattr(RotatingClientCertificate, name), name


@pytest.mark.parametrize(
    ("call", "remedy"),
    [
        (lambda it, stage: it.attach_to(stage), "list the stage in stages"),
        (lambda it, _: it.publish_to_parameter("/other"), "use trust_parameter"),
        (lambda it, stage: it.grant_read(iam.User(stage, "User")), r"trust_parameter\.grant_read"),
    ],
)
def test_refuses_methods_that_rotation_would_undo(
    stack: cdk.Stack, api: apigateway.RestApi, call: Any, remedy: str
) -> None:
    certificate = rotating(stack, api)
    with pytest.raises(ValueError, match=remedy) as error:
        call(certificate, api.deployment_stage)
    assert str(error.value).startswith("Stack/Rotating: ")


def test_slow_modules_are_imported_lazily() -> None:
    """Modules that take long to import are imported in the functions that use them."""
    source = Path(__file__).parents[3] / "constructs" / "cdk_apigateway_client_certificate"
    names = ("rotating_client_certificate", "_rotation", "_stack_update_rule", "_managed_stages")
    text = "".join((source / f"{name}.py").read_text() for name in names)
    for module in ("aws_events", "aws_scheduler", "aws_cloudwatch", "aws_apigatewayv2"):
        assert f"\nfrom aws_cdk import {module}" not in text
