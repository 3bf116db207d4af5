"""Extends `ministack` 1.5.33 in process with what this project needs.

ministack has no types, and these modules patch its private names. Only the `ministack_*` modules
know them. Each function says what ministack lacks.
"""

import asyncio
import functools
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import quote

from hypercorn.typing import ASGIFramework

from .client_certificates import ClientCertificates
from .control import serve_control
from .ministack_backends import StageCertificates, extend_backends
from .ministack_clock import extend_clock, new_clock
from .ministack_cloudformation import extend_cloudformation
from .ministack_events import extend_events
from .ministack_functions import extend_functions
from .ministack_invocations import Invoker
from .ministack_metrics import extend_metrics
from .ministack_parameters import extend_parameters
from .ministack_permissions import access_denied, extend_permissions
from .ministack_scheduler import Scheduler
from .ministack_stage_resources import provision_stages
from .ministack_stages import MinistackResponse, Stores, current_region, extend_stages, stages_using
from .ministack_test_invocations import serve_test_invocations
from .passing_time import PassingTime
from .settings import Settings

__all__ = ["install"]


def install(settings: Settings) -> ASGIFramework:
    """Extend ministack and return its ASGI application.

    The environment variables that ministack reads must be set already.
    """
    app = import_module("ministack.app")
    clock_file = Path(settings.folder, "clock")
    clock = new_clock(clock_file)

    @functools.cache
    def stores(region: str) -> ClientCertificates:
        return ClientCertificates(
            region,
            quota=settings.quota,
            throttled=settings.throttled,
            tags_in_list=settings.tags_in_list,
            stages_using=functools.partial(stages_using, region),
            now=clock.now,
        )

    _serve_client_certificates(stores)
    extend_stages(stores)
    certificates = StageCertificates(stores, needs_deployment=settings.certificate_needs_deployment)
    extend_backends(certificates, settings.trust)
    serve_test_invocations(stores)
    extend_cloudformation(lambda: stores(current_region()))
    provision_stages(certificates.deployed, resets=settings.update_resets_certificate)
    extend_parameters()
    extend_permissions()
    extend_clock(clock)
    extend_functions(str(clock_file))
    invoker = Invoker()
    extend_events(clock, invoker)
    time = PassingTime(clock, Scheduler(clock, invoker), invoker.wait, extend_metrics(clock))
    return serve_control(app.app, time.move)


def _serve_client_certificates(stores: Stores) -> None:
    """Serve `/clientcertificates` and the tags of certificates, which ministack does not know."""
    apigateway: Any = import_module("ministack.services.apigateway")
    original = apigateway.handle_request

    async def handle_request(
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        query: Mapping[str, Sequence[str]],
    ) -> MinistackResponse:
        store, raw_path = stores(current_region()), quote(path)
        if not store.handles(raw_path):
            response: MinistackResponse = await original(method, path, headers, body, query)
            return response
        # TagResource needs PUT on the tags, which ministack checks, and PATCH on the tagged
        # resource (iann0036/iam-dataset#39).
        if method == "PUT" and path.startswith("/tags/"):
            arn = path.removeprefix("/tags/")
            if denied := access_denied("apigateway", "apigateway:PATCH", arn, headers, query):
                return denied
        # In a thread, because generating an RSA key would block all other requests.
        result = await asyncio.to_thread(store.handle, method, raw_path, query, body)
        return result.status, result.headers, result.body

    apigateway.handle_request = handle_request
