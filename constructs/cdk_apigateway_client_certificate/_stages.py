"""The stages that can present a client certificate: of REST APIs and of WebSocket APIs."""

from typing import TYPE_CHECKING, TypeAlias

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from constructs import IConstruct

if TYPE_CHECKING:
    from aws_cdk import aws_apigatewayv2 as apigatewayv2

PresentingStage: TypeAlias = (
    "apigateway.IStage | apigateway.CfnStage | apigatewayv2.WebSocketStage | apigatewayv2.CfnStage"
)
StageResource: TypeAlias = "apigateway.CfnStage | apigatewayv2.CfnStage"


def stage_resource(stage: IConstruct) -> StageResource:
    """Return the L1 construct of a stage.

    Raises:
        ValueError: A client certificate cannot be attached to it. The message does not begin with
            the path of a construct.
    """
    from aws_cdk import aws_apigatewayv2 as apigatewayv2  # here: a fifth of a second at import

    path = stage.node.path
    l1_types = (apigateway.CfnStage, apigatewayv2.CfnStage)
    resource = stage if isinstance(stage, l1_types) else stage.node.default_child
    if isinstance(stage, apigatewayv2.HttpStage) or _is_of_http_api(resource):
        raise ValueError(
            f"stage {path!r} belongs to an HTTP API, which presents no client certificate to its "
            "backends: use a REST API or a WebSocket API"
        )
    if isinstance(resource, l1_types):
        return resource
    if hasattr(stage, "rest_api_id"):
        raise ValueError(
            f"{path!r} is a REST API, not a stage: attach the certificate to its stage, such as "
            "api.deployment_stage"
        )
    if not hasattr(stage, "stage_name"):
        raise ValueError(
            f"{path!r} is not a stage of a REST API or a WebSocket API: attach the certificate to "
            "one"
        )
    raise ValueError(
        f"stage {path!r} was imported and cannot be changed here: set its client certificate where "
        "it is created"
    )


def _is_of_http_api(resource: object) -> bool:
    from aws_cdk import aws_apigatewayv2 as apigatewayv2

    if not isinstance(resource, apigatewayv2.CfnStage):
        return False
    api = cdk.Tokenization.reverse(resource.api_id)
    if not isinstance(api, cdk.Reference) or not isinstance(api.target, apigatewayv2.CfnApi):
        return False  # the ID of an API that is not in this app
    return api.target.protocol_type == "HTTP"
