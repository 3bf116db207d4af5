"""Client certificates of stages in `ministack`, and test invocations of methods.

A stage keeps its certificate from being deleted and presents it to the backends of its HTTP
integrations.
"""

import asyncio
import contextvars
import json
import re
import ssl
import tempfile
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from .certificate_store import Identity
from .client_certificates import ClientCertificates
from .responses import ApiError, Response, json_response

__all__ = ["MinistackResponse", "Stores", "current_region", "extend_stages", "stages_using"]

MinistackResponse = tuple[int, dict[str, str], bytes]
"""Status, headers and body."""
Stores = Callable[[str], ClientCertificates]
"""Returns the client certificates of a Region."""

_identity: contextvars.ContextVar[Identity | None] = contextvars.ContextVar("identity")
"""What the HTTP integration of the current request presents to its backend."""
_METHOD_PATH: Final = re.compile(r"/restapis/([^/]+)/resources/([^/]+)/methods/([^/]+)")


def extend_stages(stores: Stores, trust: str | None) -> None:
    """Apply all extensions of this module.

    Args:
        stores: Returns the client certificates of a Region.
        trust: A PEM file of CAs to trust, in addition to the system's, when calling backends.
    """
    v1: Any = import_module("ministack.services.apigateway_v1")
    v2: Any = import_module("ministack.services.apigateway")
    _validate_rest_stages(v1, stores)
    _validate_websocket_stages(v2, stores)
    _present_certificates(v1, stores, trust)
    _serve_test_invocations(v1, stores)


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


def _present_certificates(v1: Any, stores: Stores, trust: str | None) -> None:
    """Present the stage's certificate to backends, to which ministack presents none."""
    original = v1._execute_in_scope

    async def execute(request: dict[str, Any], api_id: str, stage_name: str, *rest: Any) -> Any:
        stage = v1._stages_v1.get(api_id, {}).get(stage_name) or {}
        id = stage.get("clientCertificateId")
        _identity.set(stores(current_region()).identity(id) if id else None)
        return await original(request, api_id, stage_name, *rest)

    async def urlopen(
        request: urllib.request.Request, timeout: float
    ) -> tuple[int, dict[str, str], bytes]:
        return await asyncio.to_thread(_urlopen, request, timeout, _identity.get(), trust)

    v1._execute_in_scope, v1._urlopen_async = execute, urlopen


def _urlopen(
    request: urllib.request.Request, timeout: float, identity: Identity | None, trust: str | None
) -> tuple[int, dict[str, str], bytes]:
    context = ssl.create_default_context()
    if trust:
        context.load_verify_locations(trust)
    if identity:
        # OpenSSL loads a client's key only from a file. The mode of a temporary file is 0600.
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
            file.write(identity.private_key + identity.certificate)
            file.flush()
            context.load_cert_chain(file.name)
    with urllib.request.urlopen(request, timeout=timeout, context=context) as response:
        return response.status, dict(response.headers.items()), response.read()


def _serve_test_invocations(v1: Any, stores: Stores) -> None:
    """Serve TestInvokeMethod, which ministack lacks: it calls an integration without a stage."""
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
        parameters = json.loads(body or b"{}")
        try:
            result = await _test_invoke(v1, stores, api_id, resource_id, http_method, parameters)
        except ApiError as error:
            result = error.response()
        return result.status, result.headers, result.body

    v1.handle_request = handle_request


async def _test_invoke(
    v1: Any,
    stores: Stores,
    api_id: str,
    resource_id: str,
    http_method: str,
    parameters: dict[str, Any],
) -> Response:
    """Call a method's integration as it is now, and return its response as a JSON document."""
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
    _identity.set(stores(current_region()).identity(id) if id else None)
    start = time.monotonic()
    if kind == "MOCK":
        response = v1._invoke_mock_v1(integration)
    else:
        url = urlsplit(parameters.get("pathWithQueryString") or "/")
        response = await v1._invoke_http_proxy_v1(
            integration,
            url.path,
            http_method,
            parameters.get("headers") or {},
            (parameters.get("body") or "").encode(),
            parse_qs(url.query),
        )
    if not isinstance(response, tuple):  # the call to the backend failed
        response = 500, {}, json.dumps({"message": response.message}).encode()
    status, headers, body = response
    return json_response(
        200,
        {
            "status": status,
            "body": body.decode(errors="replace"),
            "headers": headers,
            "multiValueHeaders": {name: [value] for name, value in headers.items()},
            "log": "",
            "latency": round(1000 * (time.monotonic() - start)),
        },
    )
