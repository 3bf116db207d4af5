"""The policy of the rotation's role, from the template of a stack with all kinds of stages."""

from dataclasses import dataclass
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk.assertions import Template

from cdk_apigateway_client_certificate import RotatingClientCertificate
from tests.fault.test_least_privilege import Pair, pairs
from tests.rotation.simulation import PARAMETER


@dataclass(frozen=True)
class Ids:
    """Values that CloudFormation would insert: the account, and IDs of the APIs and a resource.

    The REST API has the stage `prod`, the WebSocket API the stage `live`.
    """

    account: str
    rest_api: str
    resource: str
    websocket_api: str


def role_policy(ids: Ids) -> list[Pair]:
    """Return the pairs of action and resource, without those for the log group."""
    stack = cdk.Stack(cdk.App(), "Rotating")
    api = apigateway.RestApi(stack, "Orders", cloud_watch_role=False)
    check = api.root.add_method("GET", apigateway.HttpIntegration("https://backend.example.com/"))
    sockets = apigatewayv2.WebSocketApi(stack, "Sockets")
    live = apigatewayv2.WebSocketStage(stack, "Live", web_socket_api=sockets, stage_name="live")
    RotatingClientCertificate(
        stack,
        "BackendAuth",
        stages=[api.deployment_stage, live],
        trust_parameter_name=PARAMETER,
        backend_checks=[check],
    )
    template = Template.from_stack(stack).to_json()
    references: dict[str, str] = {
        "AWS::AccountId": ids.account,
        **{
            logical_id: value
            for logical_id, resource in template["Resources"].items()
            for type, value in (
                ("AWS::ApiGateway::RestApi", ids.rest_api),
                ("AWS::ApiGateway::Stage", "prod"),
                ("AWS::ApiGatewayV2::Api", ids.websocket_api),
                ("AWS::ApiGatewayV2::Stage", "live"),
            )
            if resource["Type"] == type
        },
    }

    def replaced(value: Any) -> Any:
        match value:
            case {"Ref": str(name)} if name in references:
                return references[name]
            case {"Fn::GetAtt": [_, "RootResourceId"]}:
                return ids.resource
            case dict():
                return {key: replaced(it) for key, it in value.items()}
            case list():
                return [replaced(it) for it in value]
        return value

    other = ("logs:", "lambda:")
    return [pair for pair in pairs(replaced(template)) if not pair[0].startswith(other)]
