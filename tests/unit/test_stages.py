"""Attach certificates to stages of every kind."""

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk.assertions import Template

from cdk_apigateway_client_certificate import ClientCertificate, IClientCertificate
from tests.unit.support import CERTIFICATE, Json, the_only

STAGE = "AWS::ApiGateway::Stage"


@pytest.fixture
def certificate(stack: cdk.Stack) -> ClientCertificate:
    return ClientCertificate(stack, "Certificate")


def rest_api(stack: cdk.Stack, **options: Any) -> apigateway.RestApi:
    api = apigateway.RestApi(stack, "Api", cloud_watch_role=False, **options)
    api.root.add_method("GET", apigateway.HttpIntegration("https://backend.example.com/"))
    return api


def l1_stage(stack: cdk.Stack, **properties: Any) -> apigateway.CfnStage:
    return apigateway.CfnStage(stack, "Stage", rest_api_id="abc", stage_name="v1", **properties)


def presented(stack: cdk.Stack) -> Any:
    """Return the client certificate ID of the template's only stage."""
    _, stage = the_only(Template.from_stack(stack).to_json(), STAGE)
    return stage["Properties"]["ClientCertificateId"]


def id_of(stack: cdk.Stack) -> Json:
    """Return a reference to the only certificate, which also makes the stage depend on it."""
    certificate, _ = the_only(Template.from_stack(stack).to_json(), CERTIFICATE)
    return {"Fn::GetAtt": [certificate, "ClientCertificateId"]}


def test_attaches_to_a_deployment_stage(stack: cdk.Stack, certificate: ClientCertificate) -> None:
    certificate.attach_to(rest_api(stack).deployment_stage)
    assert presented(stack) == id_of(stack)


def test_attaches_to_a_separate_stage(stack: cdk.Stack, certificate: ClientCertificate) -> None:
    deployment = apigateway.Deployment(stack, "Deployment", api=rest_api(stack, deploy=False))
    certificate.attach_to(apigateway.Stage(stack, "Stage", deployment=deployment))
    assert presented(stack) == id_of(stack)


def test_attaches_to_an_l1_stage(stack: cdk.Stack, certificate: ClientCertificate) -> None:
    certificate.attach_to(l1_stage(stack))
    assert presented(stack) == id_of(stack)


def test_stage_options_accept_the_id(stack: cdk.Stack, certificate: ClientCertificate) -> None:
    options = apigateway.StageOptions(client_certificate_id=certificate.client_certificate_id)
    rest_api(stack, deploy_options=options)
    assert presented(stack) == id_of(stack)


def test_l1_stage_accepts_the_construct(stack: cdk.Stack, certificate: ClientCertificate) -> None:
    l1_stage(stack, client_certificate_id=certificate)
    assert presented(stack) == id_of(stack)


def test_l1_stage_accepts_an_imported_certificate(stack: cdk.Stack) -> None:
    known = ClientCertificate.from_client_certificate_attributes(
        stack, "Known", client_certificate_id="abc123"
    )
    l1_stage(stack, client_certificate_id=known)
    assert presented(stack) == "abc123"


def test_attaches_a_looked_up_certificate(stack: cdk.Stack) -> None:
    found: IClientCertificate = ClientCertificate.from_client_certificate_id(
        stack, "LookedUp", "abc123"
    )
    found.attach_to(l1_stage(stack))
    # A reference to the lookup: if the certificate is missing, the deploy fails before it changes
    # the stage.
    lookup, _ = the_only(Template.from_stack(stack).to_json(), f"{CERTIFICATE}Lookup")
    assert presented(stack) == {"Fn::GetAtt": [lookup, "ClientCertificateId"]}


def test_attaches_to_a_stage_in_another_stack() -> None:
    app = cdk.App()
    certificate = ClientCertificate(cdk.Stack(app, "Home"), "Certificate")
    other = cdk.Stack(app, "Other")
    certificate.attach_to(l1_stage(other))
    # A strong reference: CloudFormation refuses to delete a certificate that the stage presents.
    assert "Fn::ImportValue" in presented(other)


def test_attaches_to_several_stages(stack: cdk.Stack, certificate: ClientCertificate) -> None:
    for name in ("One", "Two"):
        certificate.attach_to(apigateway.CfnStage(stack, name, rest_api_id="abc", stage_name=name))
    template = Template.from_stack(stack)
    template.all_resources_properties(STAGE, {"ClientCertificateId": id_of(stack)})
    template.resource_count_is(STAGE, 2)


def test_attaching_twice_has_no_effect(stack: cdk.Stack, certificate: ClientCertificate) -> None:
    stage = rest_api(stack).deployment_stage
    certificate.attach_to(stage)
    certificate.attach_to(stage)
    l1 = stage.node.default_child
    assert isinstance(l1, apigateway.CfnStage)
    certificate.attach_to(l1)
    assert presented(stack) == id_of(stack)


def test_attaching_to_a_stage_that_already_presents_it_has_no_effect(
    stack: cdk.Stack, certificate: ClientCertificate
) -> None:
    certificate.attach_to(l1_stage(stack, client_certificate_id=certificate))
    assert presented(stack) == id_of(stack)


def test_refuses_a_second_certificate_and_names_both(
    stack: cdk.Stack, certificate: ClientCertificate
) -> None:
    stage = l1_stage(stack)
    certificate.attach_to(stage)
    with pytest.raises(ValueError, match="presents client certificate") as error:
        ClientCertificate(stack, "Second").attach_to(stage)
    assert str(error.value).startswith("Stack/Second: stage 'Stack/Stage' presents")
    assert str(error.value).endswith("already, and a stage presents one: remove either")


def test_refuses_to_overwrite_a_literal_certificate_id(
    stack: cdk.Stack, certificate: ClientCertificate
) -> None:
    with pytest.raises(ValueError, match="presents client certificate 'abc123' already"):
        certificate.attach_to(l1_stage(stack, client_certificate_id="abc123"))


def imported_rest_stage(stack: cdk.Stack) -> apigateway.IStage:
    return apigateway.Stage.from_stage_attributes(
        stack,
        "Imported",
        stage_name="v1",
        rest_api=apigateway.RestApi.from_rest_api_id(stack, "ImportedApi", "abc"),
    )


def imported_web_socket_stage(stack: cdk.Stack) -> apigatewayv2.IWebSocketStage:
    api = apigatewayv2.WebSocketApi.from_web_socket_api_attributes(
        stack, "ImportedApi", web_socket_id="abc"
    )
    return apigatewayv2.WebSocketStage.from_web_socket_stage_attributes(
        stack, "Imported", stage_name="v1", api=api
    )


@pytest.mark.parametrize("imported", [imported_rest_stage, imported_web_socket_stage])
def test_refuses_an_imported_stage(
    stack: cdk.Stack, certificate: ClientCertificate, imported: Any
) -> None:
    with pytest.raises(ValueError, match="was imported and cannot be changed here") as error:
        certificate.attach_to(imported(stack))
    assert "Stack/Certificate: stage 'Stack/Imported'" in str(error.value)
    assert str(error.value).endswith("set its client certificate where it is created")


WEB_SOCKET = "AWS::ApiGatewayV2::Stage"


def presented_to_web_socket(stack: cdk.Stack) -> Json:
    _, stage = the_only(Template.from_stack(stack).to_json(), WEB_SOCKET)
    return stage["Properties"]["ClientCertificateId"]


def test_attaches_to_a_websocket_stage(stack: cdk.Stack, certificate: ClientCertificate) -> None:
    api = apigatewayv2.WebSocketApi(stack, "Api")
    stage = apigatewayv2.WebSocketStage(stack, "Stage", web_socket_api=api, stage_name="v1")
    certificate.attach_to(stage)
    certificate.attach_to(stage)
    assert presented_to_web_socket(stack) == id_of(stack)
    with pytest.raises(ValueError, match="a stage presents one: remove either"):
        ClientCertificate(stack, "Second").attach_to(stage)


def cfn_api(stack: cdk.Stack, protocol: str) -> str:
    return apigatewayv2.CfnApi(stack, "Api", name="api", protocol_type=protocol).ref


@pytest.mark.parametrize("api_id", [lambda _: "abc", lambda stack: cfn_api(stack, "WEBSOCKET")])
def test_attaches_to_an_l1_websocket_stage(
    stack: cdk.Stack, certificate: ClientCertificate, api_id: Any
) -> None:
    stage = apigatewayv2.CfnStage(stack, "Stage", api_id=api_id(stack), stage_name="v1")
    certificate.attach_to(stage)
    assert presented_to_web_socket(stack) == id_of(stack)


def http_stage_of_imported_api(stack: cdk.Stack) -> apigatewayv2.HttpStage:
    api = apigatewayv2.HttpApi.from_http_api_attributes(stack, "ImportedApi", http_api_id="abc")
    return apigatewayv2.HttpStage(stack, "Stage", http_api=api)


@pytest.mark.parametrize(
    "stage",
    [
        lambda stack: apigatewayv2.HttpApi(stack, "Api").default_stage,
        http_stage_of_imported_api,
        lambda stack: apigatewayv2.CfnStage(
            stack, "Stage", api_id=cfn_api(stack, "HTTP"), stage_name="v1"
        ),
    ],
)
def test_refuses_a_stage_of_an_http_api(
    stack: cdk.Stack, certificate: ClientCertificate, stage: Any
) -> None:
    with pytest.raises(ValueError, match="use a REST API or a WebSocket API") as error:
        certificate.attach_to(stage(stack))
    assert str(error.value).startswith("Stack/Certificate: stage 'Stack/")
    assert "belongs to an HTTP API" in str(error.value)


@pytest.mark.parametrize(
    "api",
    [rest_api, lambda stack: apigateway.RestApi.from_rest_api_id(stack, "Api", "abc")],
    ids=["made", "imported"],
)
def test_refuses_a_rest_api(stack: cdk.Stack, certificate: ClientCertificate, api: Any) -> None:
    with pytest.raises(ValueError, match=r"such as api\.deployment_stage") as error:
        certificate.attach_to(api(stack))
    assert str(error.value).startswith("Stack/Certificate: 'Stack/Api' is a REST API, not a stage")


@pytest.mark.parametrize("api", [apigatewayv2.HttpApi, apigatewayv2.WebSocketApi])
def test_refuses_a_construct_that_is_not_a_stage(
    stack: cdk.Stack, certificate: ClientCertificate, api: Any
) -> None:
    with pytest.raises(ValueError, match="'Stack/Api' is not a stage of a REST API or a WebSocket"):
        certificate.attach_to(api(stack, "Api"))
