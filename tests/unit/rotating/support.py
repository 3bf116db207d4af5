"""Helpers that create rotating certificates and read their templates."""

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from aws_cdk.assertions import Template

from cdk_apigateway_client_certificate.rotating_client_certificate import RotatingClientCertificate
from tests.unit.support import Json, of_type, the_only

ROTATING = "Custom::ApiGatewayRotatingClientCertificate"
FUNCTION = "AWS::Lambda::Function"
MANAGED_POLICY = "AWS::IAM::ManagedPolicy"
RULE = "AWS::Events::Rule"
SCHEDULE = "AWS::Scheduler::Schedule"
STAGE = "AWS::ApiGateway::Stage"


def rest_api(stack: cdk.Stack, id: str = "Api", **options: Any) -> apigateway.RestApi:
    api = apigateway.RestApi(stack, id, cloud_watch_role=False, **options)
    api.root.add_method("GET", apigateway.HttpIntegration("https://backend.example.com/"))
    return api


def health_of(api: apigateway.RestApi) -> apigateway.Method:
    integration = apigateway.HttpIntegration("https://backend.example.com/health")
    return api.root.add_resource("health").add_method("GET", integration)


def rotating(scope: Any, api: apigateway.RestApi, **options: Any) -> RotatingClientCertificate:
    arguments: dict[str, Any] = {
        "stages": [api.deployment_stage],
        "trust_parameter_name": "/orders/trusted-clients",
        **options,
    }
    return RotatingClientCertificate(scope, arguments.pop("id", "Rotating"), **arguments)


def synthesize(stack: cdk.Stack) -> Json:
    return Template.from_stack(stack).to_json()


def properties(template: Json) -> Json:
    """Return the properties of the only rotating certificate."""
    _, resource = the_only(template, ROTATING)
    found: Json = resource["Properties"]
    return found


def flat(value: Any) -> str:
    """Return a text of the template, with references as `<logical ID>` or `<ID.attribute>`."""
    match value:
        case str(text):
            return text
        case {"Fn::Join": [str(delimiter), [*parts]]}:
            return delimiter.join(map(flat, parts))
        case {"Fn::Join": [str(delimiter), {"Fn::Split": [str(at), text]}]}:
            return flat(text).replace(at, delimiter)
        case {"Ref": str(id)}:
            return f"<{id}>"
        case {"Fn::GetAtt": [str(id), str(attribute)]}:
            return f"<{id}.{attribute}>"
        case {"Fn::ImportValue": name}:
            return f"<import {flat(name)}>"
    raise AssertionError(value)


def l1(api: apigateway.RestApi) -> apigateway.CfnStage:
    """Return the L1 construct of the stage that the API deploys."""
    stage = api.deployment_stage.node.default_child
    assert isinstance(stage, apigateway.CfnStage)
    return stage


def permissions(template: Json) -> set[tuple[str, str]]:
    """Return the actions and resources that the function's role allows, except for its logs."""
    [role] = [
        id
        for id, it in of_type(template, "AWS::IAM::Role").items()
        if "rotate API" in it["Properties"].get("Description", "")
    ]
    properties = template["Resources"][role]["Properties"]
    documents = [it["PolicyDocument"] for it in properties["Policies"]]
    for policy in of_type(template, MANAGED_POLICY).values():
        assert policy["Properties"]["Roles"] == [{"Ref": role}]
        documents.append(policy["Properties"]["PolicyDocument"])
    assert "ManagedPolicyArns" not in properties
    statements = [statement for document in documents for statement in document["Statement"]]
    assert all(it.keys() == {"Effect", "Action", "Resource"} for it in statements)
    return {
        (action, flat(resource))
        for it in statements
        for action in ([it["Action"]] if isinstance(it["Action"], str) else it["Action"])
        for resource in (it["Resource"] if isinstance(it["Resource"], list) else [it["Resource"]])
        if not action.startswith("logs:")
    }


def resources_of(template: Json, action: str) -> list[str]:
    """Return the resources on which the function's role allows an action."""
    return sorted(resource for found, resource in permissions(template) if found == action)
