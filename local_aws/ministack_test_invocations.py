"""TestInvokeMethod, which `ministack` lacks: it calls an integration without a stage."""

import json
import re
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from .ministack_backends import Caller, call_backends_as
from .ministack_stages import MinistackResponse, Stores, current_region
from .responses import ApiError, Response, json_response

__all__ = ["serve_test_invocations"]

_METHOD_PATH: Final = re.compile(r"/restapis/([^/]+)/resources/([^/]+)/methods/([^/]+)")


def serve_test_invocations(stores: Stores) -> None:
    """Serve TestInvokeMethod."""
    v1: Any = import_module("ministack.services.apigateway_v1")
    original = v1.handle_request

    async def handle_request(
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        query: Mapping[str, Sequence[str]],
    ) -> MinistackResponse:
        match = _METHOD_PATH.fullmatch(path)
        if method != "POST" or not match:
            response: MinistackResponse = await original(method, path, headers, body, query)
            return response
        api_id, resource_id, http_method = match.groups()
        try:
            parameters = _parameters(body)
            result = await _test_invoke(v1, stores, api_id, resource_id, http_method, parameters)
        except ApiError as error:
            result = error.response()
        return result.status, result.headers, result.body

    v1.handle_request = handle_request


def _parameters(body: bytes) -> dict[str, Any]:
    try:
        parameters = json.loads(body or b"{}")
    except ValueError:
        raise ApiError("BadRequestException", "the body is not JSON") from None
    if not isinstance(parameters, dict):
        raise ApiError("BadRequestException", "the body is not a JSON object")
    return parameters


async def _test_invoke(
    v1: Any,
    stores: Stores,
    api_id: str,
    resource_id: str,
    http_method: str,
    parameters: dict[str, Any],
) -> Response:
    """Call a method's integration as it is now, and return its response as a JSON document.

    A call to the backend that fails is a response with status 500, as API Gateway's own is.
    """
    status, _, description = v1._get_method(api_id, resource_id, http_method)
    if status != 200:
        raise ApiError("NotFoundException", "Invalid Method identifier specified")
    integration = json.loads(description).get("methodIntegration", {})
    kind = integration.get("type")
    if kind not in ("HTTP", "HTTP_PROXY", "MOCK"):
        raise ApiError("BadRequestException", f"integrations of type {kind} cannot be tested here")
    id = parameters.get("clientCertificateId")
    if id and id not in stores(current_region()).certificates:
        raise ApiError("BadRequestException", f"Invalid client certificate identifier: {id}")
    identity = stores(current_region()).identity(id) if id else None
    call_backends_as(Caller(identity, parameters.get("stageVariables") or {}))
    start = time.monotonic()
    if kind == "MOCK":
        response = v1._invoke_mock_v1(integration)
    else:
        url = urlsplit(parameters.get("pathWithQueryString") or "/")
        several = parameters.get("multiValueHeaders") or {}
        response = await v1._invoke_http_proxy_v1(
            integration,
            url.path,
            http_method,
            {name: ",".join(values) for name, values in several.items()}
            | (parameters.get("headers") or {}),
            (parameters.get("body") or "").encode(),
            parse_qs(url.query, keep_blank_values=True),
        )
    if not isinstance(response, tuple):  # the call to the backend failed
        response = 500, {}, json.dumps({"message": response.message}).encode()
    status, headers, body = response
    document = {
        "status": status,
        "body": body.decode(errors="replace"),
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "log": f"Execution log for request {uuid4()}\nMethod completed with status: {status}\n",
        "latency": round(1000 * (time.monotonic() - start)),
    }
    return json_response(200, document)
