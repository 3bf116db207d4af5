"""The HTTP integrations of `ministack`'s REST APIs call their backends as API Gateway does."""

import asyncio
import contextvars
import re
import ssl
import tempfile
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Final

from .certificate_store import Identity
from .ministack_stages import MinistackResponse, Stores, current_region

__all__ = ["Caller", "StageCertificates", "call_backends_as", "extend_backends"]

_STAGE_VARIABLE: Final = re.compile(r"\$\{stageVariables\.(\w+)\}")


@dataclass(frozen=True)
class Caller:
    """What a call to a backend takes from its stage.

    Attributes:
        identity: What it presents to the backend, or None.
        variables: The stage variables.
    """

    identity: Identity | None = None
    variables: Mapping[str, str] = field(default_factory=dict)


_caller: contextvars.ContextVar[Caller] = contextvars.ContextVar("caller")


def call_backends_as(caller: Caller) -> None:
    """Set the caller of the current request's HTTP integration."""
    _caller.set(caller)


class StageCertificates:
    """The client certificates that the stages of REST APIs present.

    Args:
        stores: Returns the client certificates of a Region.
        needs_deployment: Whether a stage presents a new certificate only after a new deployment to
            it. Sources contradict each other about API Gateway.
    """

    def __init__(self, stores: Stores, *, needs_deployment: bool) -> None:
        self._stores, self._needs_deployment = stores, needs_deployment
        self._deployed: dict[tuple[str, str, str], Identity | None] = {}
        self._v1: Any = import_module("ministack.services.apigateway_v1")
        self._follow_deployments()

    def presented(self, api_id: str, stage_name: str) -> Identity | None:
        """Return what a stage presents to its backends."""
        if self._needs_deployment:
            return self._deployed.get((current_region(), api_id, stage_name))
        return self._configured(api_id, stage_name)

    def deployed(self, api_id: str, stage_name: str) -> None:
        """Note a new deployment to a stage."""
        key = current_region(), api_id, stage_name
        self._deployed[key] = self._configured(api_id, stage_name)

    def _configured(self, api_id: str, stage_name: str) -> Identity | None:
        stage = self._v1._stages_v1.get(api_id, {}).get(stage_name) or {}
        id = stage.get("clientCertificateId")
        return self._stores(current_region()).identity(id) if id else None

    def _follow_deployments(self) -> None:
        create_stage, update_stage = self._v1._create_stage, self._v1._update_stage
        deploy_to_stage = self._v1._deploy_to_stage

        def create(api_id: str, data: dict[str, Any]) -> MinistackResponse:
            response: MinistackResponse = create_stage(api_id, data)
            self.deployed(api_id, data.get("stageName", ""))
            return response

        def update(api_id: str, stage_name: str, data: dict[str, Any]) -> MinistackResponse:
            response: MinistackResponse = update_stage(api_id, stage_name, data)
            paths = [operation.get("path") for operation in data.get("patchOperations", [])]
            if response[0] < 400 and "/deploymentId" in paths:
                self.deployed(api_id, stage_name)
            return response

        def deploy(api_id: str, deployment_id: str, stage_name: str, *rest: Any) -> Any:
            stage = deploy_to_stage(api_id, deployment_id, stage_name, *rest)
            self.deployed(api_id, stage_name)
            return stage

        self._v1._create_stage, self._v1._update_stage = create, update
        self._v1._deploy_to_stage = deploy


def extend_backends(certificates: StageCertificates, trust: str | None) -> None:
    """Present certificates to backends, and substitute stage variables in integration URIs.

    ministack does neither.

    Args:
        certificates: The certificates that stages present.
        trust: A PEM file of CAs to trust, in addition to the system's, when calling backends.
    """
    v1: Any = import_module("ministack.services.apigateway_v1")
    execute_in_scope, invoke_http = v1._execute_in_scope, v1._invoke_http_proxy_v1

    async def execute(request: dict[str, Any], api_id: str, stage_name: str, *rest: Any) -> Any:
        stage = v1._stages_v1.get(api_id, {}).get(stage_name) or {}
        identity = certificates.presented(api_id, stage_name)
        call_backends_as(Caller(identity, stage.get("variables") or {}))
        return await execute_in_scope(request, api_id, stage_name, *rest)

    async def invoke(integration: dict[str, Any], path: str, method: str, *rest: Any) -> Any:
        variables = _caller.get().variables
        uri = _STAGE_VARIABLE.sub(
            lambda match: variables.get(match[1], ""), integration.get("uri", "")
        )
        # ministack sends the verb of the method, whatever that of the integration is.
        verb = integration.get("httpMethod") or "ANY"
        method = method if verb == "ANY" else verb
        return await invoke_http(integration | {"uri": uri}, path, method, *rest)

    async def urlopen(
        request: urllib.request.Request, timeout: float
    ) -> tuple[int, dict[str, str], bytes]:
        return await asyncio.to_thread(_urlopen, request, timeout, _caller.get().identity, trust)

    v1._execute_in_scope, v1._invoke_http_proxy_v1, v1._urlopen_async = execute, invoke, urlopen


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
