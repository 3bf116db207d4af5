"""Systems Manager's parameters in `ministack`: limits, tags and permissions.

Sources: the API reference of Systems Manager (`PutParameter`, `AddTagsToResource`), and the user
guide ("Managing parameter tiers", "Tagging Systems Manager parameters").
"""

import json
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Final

from .ministack_permissions import access_denied
from .ministack_stages import MinistackResponse

__all__ = ["extend_parameters"]

_MAX_BYTES: Final[Mapping[str, int]] = {"Standard": 4096, "Advanced": 8192}
_PUT: Final = "AmazonSSM.PutParameter"


def extend_parameters() -> None:
    """Apply all extensions of this module."""
    ssm: Any = import_module("ministack.services.ssm")
    _limit_values(ssm)
    _refuse_tags_of_unknown_parameters(ssm)
    _check_permission_to_tag(ssm)


def _limit_values(ssm: Any) -> None:
    """Refuse values that are too long for their tier, which ministack accepts."""
    put_parameter = ssm._put_parameter

    def put(data: dict[str, Any]) -> MinistackResponse:
        response: MinistackResponse
        value = data.get("Value", "")
        existing = ssm._parameters.get(data.get("Name"))
        tier = data.get("Tier") or ssm._default_tier(data, value, existing)
        limit = _MAX_BYTES.get(tier, _MAX_BYTES["Advanced"])
        if len(value.encode()) > limit:
            message = f"{tier} tier parameters support a maximum parameter value of {limit} "
            response = ssm.error_response_json("ValidationException", message + "characters.", 400)
            return response
        response = put_parameter(data)
        return response

    ssm._put_parameter = put


def _refuse_tags_of_unknown_parameters(ssm: Any) -> None:
    """Refuse to list and change tags of a parameter that does not exist; ministack keeps them."""
    Operation = Callable[[dict[str, Any]], MinistackResponse]

    def checked(operation: Operation) -> Operation:
        def call(data: dict[str, Any]) -> MinistackResponse:
            id = data.get("ResourceId", "")
            if data.get("ResourceType") == "Parameter":
                _, parameter = ssm._lookup_parameter(id, flexible_name=True)
                if not parameter:
                    message = f"The resource ID {id} is not valid: no such parameter exists."
                    response: MinistackResponse = ssm.error_response_json(
                        "InvalidResourceId", message, 400
                    )
                    return response
            return operation(data)

        return call

    for name in ("_add_tags_to_resource", "_remove_tags_from_resource", "_list_tags_for_resource"):
        setattr(ssm, name, checked(getattr(ssm, name)))


def _check_permission_to_tag(ssm: Any) -> None:
    """Ask for `ssm:AddTagsToResource` too if PutParameter has tags."""
    original = ssm.handle_request

    async def handle_request(
        method: str, path: str, headers: dict[str, str], body: bytes, query: Any
    ) -> MinistackResponse:
        if headers.get("x-amz-target") == _PUT:
            data = json.loads(body)
            if data.get("Tags"):
                arn = ssm._param_arn(data.get("Name", ""))
                if denied := access_denied("ssm", "ssm:AddTagsToResource", arn, headers, query):
                    return denied
        response: MinistackResponse = await original(method, path, headers, body, query)
        return response

    ssm.handle_request = handle_request
