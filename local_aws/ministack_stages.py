"""Client certificates of stages in `ministack`. A stage keeps its own from being deleted."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from .client_certificates import ClientCertificates

__all__ = ["MinistackResponse", "Stores", "current_region", "extend_stages", "stages_using"]

MinistackResponse = tuple[int, dict[str, str], bytes]
"""Status, headers and body."""
Stores = Callable[[str], ClientCertificates]
"""Returns the client certificates of a Region."""


def extend_stages(stores: Stores) -> None:
    """Apply all extensions of this module.

    Args:
        stores: Returns the client certificates of a Region.
    """
    v1: Any = import_module("ministack.services.apigateway_v1")
    v2: Any = import_module("ministack.services.apigateway")
    _validate_rest_stages(v1, stores)
    _validate_websocket_stages(v2, stores)


def stages_using(region: str, id: str) -> list[str]:
    """Return the stages that use a certificate, as `API ID/stage name`.

    Only stages of REST and WebSocket APIs can use one.
    """
    v1: Any = import_module("ministack.services.apigateway_v1")
    v2: Any = import_module("ministack.services.apigateway")
    return [
        f"{api}/{name}"
        for all_stages in (v1._stages_v1, v2._stages)
        for (_, stage_region, api), stages in all_stages.all_items()
        for name, stage in stages.items()
        if stage_region == region and stage.get("clientCertificateId") == id
    ]


def current_region() -> str:
    """Return the Region of the current request."""
    region: str = import_module("ministack.core.responses").get_region()
    return region


def _validate_rest_stages(v1: Any, stores: Stores) -> None:
    """Reject unknown certificates in UpdateStage, where ministack accepts any ID.

    CreateStage has no `clientCertificateId`.
    """
    original = v1._update_stage

    def update_stage(api_id: str, stage_name: str, data: dict[str, Any]) -> MinistackResponse:
        response: MinistackResponse
        for operation in data.get("patchOperations", []):
            if operation.get("path") != "/clientCertificateId":
                continue
            id = operation.get("value")
            if not id:
                operation["op"] = "remove"
            elif id not in stores(current_region()).certificates:
                message = f"Invalid client certificate identifier: {id}"
                response = v1._v1_error("BadRequestException", message, 400)
                return response
        response = original(api_id, stage_name, data)
        return response

    v1._update_stage = update_stage


def _validate_websocket_stages(v2: Any, stores: Stores) -> None:
    """Reject unknown certificates in API Gateway v2's CreateStage and UpdateStage.

    ministack accepts any ID.
    """

    def validated(operation: Callable[..., MinistackResponse]) -> Callable[..., MinistackResponse]:
        def call(*arguments: Any) -> MinistackResponse:
            id = arguments[-1].get("clientCertificateId")
            if id and id not in stores(current_region()).certificates:
                message = f"Invalid client certificate identifier: {id}"
                response: MinistackResponse = v2._apigw_error("BadRequestException", message, 400)
                return response
            return operation(*arguments)

        return call

    v2._create_stage, v2._update_stage = validated(v2._create_stage), validated(v2._update_stage)
