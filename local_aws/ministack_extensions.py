"""What `ministack` 1.5.33 lacks for this project, added in process; each addition says why.

ministack is untyped and these are its private names: nothing of it leaves this module.
"""

import asyncio
import contextvars
import functools
import json
import re
import ssl
import tempfile
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any, Final
from urllib.parse import parse_qs, quote, urlsplit
from uuid import uuid4

from .certificate_store import Identity
from .client_certificates import ClientCertificates
from .ministack_cloudformation import extend_cloudformation
from .responses import ApiError, Response
from .settings import Settings

__all__ = ["install"]

Answer = tuple[int, dict[str, str], bytes]
Stores = Callable[[str], ClientCertificates]
"""The client certificates of a Region."""

_presented: contextvars.ContextVar[Identity | None] = contextvars.ContextVar("presented")
"""What the HTTP integration of the request at hand presents to its backend."""
_METHOD_PATH: Final = re.compile(r"/restapis/([^/]+)/resources/([^/]+)/methods/([^/]+)")


def install(settings: Settings) -> Any:
    """Extend ministack and return its ASGI application. Its environment must be set already."""
    app = import_module("ministack.app")
    v1: Any = import_module("ministack.services.apigateway_v1")
    v2: Any = import_module("ministack.services.apigateway")

    @functools.cache
    def stores(region: str) -> ClientCertificates:
        return ClientCertificates(
            region,
            quota=settings.quota,
            throttled=settings.throttled,
            tags_in_list=settings.tags_in_list,
            stages_using=functools.partial(_stages_using, v1, v2, region),
        )

    _serve_client_certificates(stores)
    _check_certificates_of_stages(v1, stores)
    _check_certificates_of_websocket_stages(v2, stores)
    _present_certificates(v1, stores, settings.trust)
    _serve_test_invocations(v1, stores)
    extend_cloudformation(lambda: stores(_region()))
    return app.app


def _region() -> str:
    """The Region of the request at hand."""
    region: str = import_module("ministack.core.responses").get_region()
    return region


# The API's routes


def _serve_client_certificates(stores: Stores) -> None:
    """ministack has no `/clientcertificates`, and its tag calls know nothing of their ARNs."""
    apigateway: Any = import_module("ministack.services.apigateway")
    serve_the_rest = apigateway.handle_request

    async def handle_request(
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        query: Mapping[str, Sequence[str]],
    ) -> Answer:
        store, raw_path = stores(_region()), quote(path)
        if not store.handles(raw_path):
            answer: Answer = await serve_the_rest(method, path, headers, body, query)
            return answer
        if method == "PUT" and path.startswith("/tags/"):
            certificate_arn = path.removeprefix("/tags/")
            if denied := _denied("apigateway:PATCH", certificate_arn, headers, query):
                return denied
        # In a thread, since making an RSA key would hold up every other request.
        response = await asyncio.to_thread(store.handle, method, raw_path, query, body)
        return response.status, response.headers, response.body

    apigateway.handle_request = handle_request


def _denied(
    action: str, resource: str, headers: dict[str, str], query: Mapping[str, Sequence[str]]
) -> Answer | None:
    """The refusal where the caller's policies do not allow the action, None where they do.

    ministack checks one action a request; `TagResource` takes two: PUT on the tags, which it
    checks, and PATCH on what is tagged (iann0036/iam-dataset#39).
    """
    router, actions, evaluator = (
        import_module(f"ministack.core.{name}")
        for name in ("router", "iam_actions", "iam_evaluator")
    )
    key = router.extract_access_key_id(headers, query)
    found = evaluator.enforce(key, action, "apigateway", _region(), resource_arn=resource)
    if not found:
        return None
    answer: Answer = actions.access_denied_response(
        "apigateway",
        action,
        found.principal_arn,
        str(uuid4()),
        headers=headers,
        resource_arn=resource,
        explicit_deny=found.decision == "Deny",
    )
    return answer


# Stages


def _stages_using(v1: Any, v2: Any, region: str, id: str) -> list[str]:
    """Return `API ID/stage name` of the stages of REST and WebSocket APIs that present it."""
    return [
        f"{api}/{name}"
        for all_stages in (v1._stages_v1, v2._stages)
        for (_, stage_region, api), stages in all_stages.all_items()
        for name, stage in stages.items()
        if stage_region == region and stage.get("clientCertificateId") == id
    ]


def _check_certificates_of_stages(v1: Any, stores: Stores) -> None:
    """ministack's UpdateStage takes any `clientCertificateId`. (CreateStage has no such member.)"""
    update_stage = v1._update_stage

    def update(api_id: str, stage_name: str, data: dict[str, Any]) -> Answer:
        answer: Answer
        for operation in data.get("patchOperations", []):
            if operation.get("path") != "/clientCertificateId":
                continue
            id = operation.get("value")
            if not id:
                operation["op"] = "remove"
            elif id not in stores(_region()).certificates:
                message = f"Invalid client certificate identifier: {id}"
                answer = v1._v1_error("BadRequestException", message, 400)
                return answer
        answer = update_stage(api_id, stage_name, data)
        return answer

    v1._update_stage = update


def _check_certificates_of_websocket_stages(v2: Any, stores: Stores) -> None:
    """ministack's API Gateway v2 takes any `clientCertificateId`, at CreateStage as well."""

    def checked(operation: Callable[..., Answer]) -> Callable[..., Answer]:
        def with_known_certificate(*arguments: Any) -> Answer:
            id = arguments[-1].get("clientCertificateId")
            if id and id not in stores(_region()).certificates:
                message = f"Invalid client certificate identifier: {id}"
                answer: Answer = v2._apigw_error("BadRequestException", message, 400)
                return answer
            return operation(*arguments)

        return with_known_certificate

    v2._create_stage, v2._update_stage = checked(v2._create_stage), checked(v2._update_stage)


def _present_certificates(v1: Any, stores: Stores, trust: str | None) -> None:
    """ministack's HTTP integrations present no client certificate; API Gateway's do."""
    execute = v1._execute_in_scope

    async def execute_as_stage(
        request: dict[str, Any], api_id: str, stage_name: str, *rest: Any
    ) -> Any:
        stage = v1._stages_v1.get(api_id, {}).get(stage_name) or {}
        id = stage.get("clientCertificateId")
        _presented.set(stores(_region()).identity(id) if id else None)
        return await execute(request, api_id, stage_name, *rest)

    async def urlopen(
        request: urllib.request.Request, timeout: float
    ) -> tuple[int, dict[str, str], bytes]:
        return await asyncio.to_thread(_urlopen, request, timeout, _presented.get(), trust)

    v1._execute_in_scope, v1._urlopen_async = execute_as_stage, urlopen


def _serve_test_invocations(v1: Any, stores: Stores) -> None:
    """ministack has no TestInvokeMethod, which calls a method's integration without a stage."""
    serve_the_rest = v1.handle_request

    async def handle_request(
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        query: Mapping[str, Sequence[str]],
    ) -> Answer:
        names = _METHOD_PATH.fullmatch(path)
        if method != "POST" or not names:
            answer: Answer = await serve_the_rest(method, path, headers, body, query)
            return answer
        api_id, resource_id, verb = names.groups()
        given = json.loads(body or b"{}")
        try:
            response = await _test_invoke(v1, stores, api_id, resource_id, verb, given)
        except ApiError as error:
            response = error.response()
        return response.status, response.headers, response.body

    v1.handle_request = handle_request


async def _test_invoke(
    v1: Any, stores: Stores, api_id: str, resource_id: str, verb: str, given: dict[str, Any]
) -> Response:
    """Call the integration of a method as it is now, and tell what it answered."""
    status, _, described = v1._get_method(api_id, resource_id, verb)
    if status != 200:
        raise ApiError("NotFoundException", "Invalid Method identifier specified")
    integration = json.loads(described).get("methodIntegration", {})
    if integration.get("type") not in ("HTTP", "HTTP_PROXY", "MOCK"):
        kind = integration.get("type")
        raise ApiError("BadRequestException", f"integrations of type {kind} cannot be tested here")
    id = given.get("clientCertificateId")
    if id and id not in stores(_region()).certificates:
        raise ApiError("BadRequestException", f"Invalid client certificate identifier: {id}")
    _presented.set(stores(_region()).identity(id) if id else None)
    started = time.monotonic()
    if integration["type"] == "MOCK":
        answer = v1._invoke_mock_v1(integration)
    else:
        url = urlsplit(given.get("pathWithQueryString") or "/")
        answer = await v1._invoke_http_proxy_v1(
            integration,
            url.path,
            verb,
            given.get("headers") or {},
            (given.get("body") or "").encode(),
            parse_qs(url.query),
        )
    if not isinstance(answer, tuple):  # the backend could not be called
        answer = 500, {}, json.dumps({"message": answer.message}).encode()
    status, headers, body = answer
    document = {
        "status": status,
        "body": body.decode(errors="replace"),
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "log": "",
        "latency": round(1000 * (time.monotonic() - started)),
    }
    return Response(200, {"Content-Type": "application/json"}, json.dumps(document).encode())


def _urlopen(
    request: urllib.request.Request, timeout: float, identity: Identity | None, trust: str | None
) -> tuple[int, dict[str, str], bytes]:
    context = ssl.create_default_context()
    if trust:
        context.load_verify_locations(trust)
    if identity:
        # OpenSSL takes a client's key from a file only. The temporary file's mode is 0600.
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
            file.write(identity.private_key + identity.certificate)
            file.flush()
            context.load_cert_chain(file.name)
    with urllib.request.urlopen(request, timeout=timeout, context=context) as response:
        return response.status, dict(response.headers.items()), response.read()
