"""API Gateway client that logs, bounds and retries every call.

Each attempt is one request on the wire. botocore's own retries would send a POST again after an
error that arrived when the certificate existed already, so they are off and `faults` decides.
"""

import logging
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import quote

import boto3
from botocore.config import Config

from . import faults
from .contract import QUOTA_CODE
from .deadline import Deadline
from .errors import RequestError
from .faults import Fault

if TYPE_CHECKING:
    from types_boto3_apigateway import APIGatewayClient
    from types_boto3_apigateway.type_defs import PatchOperationTypeDef

T = TypeVar("T")

logger = logging.getLogger(__name__)

CALL_SECONDS: Final = 20.0
"""Seconds that one call may take where the invocation has enough of them."""
PAGE_SIZE: Final = 500
"""The largest `limit` of a list call."""
MAX_APIS_READ: Final = 40
"""APIs whose stages are read: these calls share the account's 10 requests/s."""

_ADVICE: Final[Mapping[Fault, str]] = {
    Fault.QUOTA_FULL: f"delete unused client certificates, or have quota {QUOTA_CODE} raised",
    Fault.CONFLICT: "deploy again when the other change is complete",
    Fault.THROTTLED: "the account's 10 requests/s to API Gateway are used up: deploy again later",
    Fault.CREDENTIALS: "they expired, or do not work yet: deploy again",
    Fault.AMBIGUOUS: "deploy again; a certificate created meanwhile is found by its tags",
}

_NO_RETRY_IF_DENIED: Final[Mapping[Fault, float]] = {Fault.DENIED: 0.0}


class ApiError(RequestError):
    """A call that failed for good. Its text names the call, the remedy and the error."""

    def __init__(self, fault: Fault, reason: str) -> None:
        super().__init__(reason)
        self.fault = fault


@dataclass(frozen=True)
class Certificate:
    """A client certificate as API Gateway describes it. `tags` is None where it left them out."""

    id: str
    arn: str
    pem: str
    created: datetime | None
    expires: datetime | None
    description: str
    tags: Mapping[str, str] | None


@dataclass(frozen=True)
class StageUses:
    """The stages that present a certificate, as far as they could be read."""

    stages: list[str]
    """`API ID/stage name` of each."""
    unread: str
    """What could not be read and why; empty if everything was read."""


def make_client(call_seconds: float) -> "APIGatewayClient":
    """Return a client that sends each call once and waits at most `call_seconds` for it."""
    client: APIGatewayClient = boto3.client("apigateway", config=_config(call_seconds))
    return client


def _config(call_seconds: float) -> Config:
    connect = call_seconds / 4
    return Config(
        connect_timeout=connect,
        read_timeout=call_seconds - connect,
        retries={"mode": "standard", "total_max_attempts": 1},
    )


class ApiGateway:
    """The calls that this function makes, within the deadline of one invocation.

    Every method raises `ApiError` and `OutOfTimeError`.
    """

    def __init__(self, client: "APIGatewayClient", call_seconds: float, deadline: Deadline) -> None:
        self._client = client
        self._call_seconds = call_seconds
        self._deadline = deadline
        self._prefix = f"arn:{client.meta.partition}:apigateway:{client.meta.region_name}::"

    def certificates(self) -> Iterator[Certificate]:
        """Yield all client certificates of the account and Region, page by page."""
        for page in self._pages(self._client.get_client_certificates, "position", limit=PAGE_SIZE):
            yield from map(self._certificate, page.get("items", []))

    def get(self, id: str) -> Certificate | None:
        """Return one certificate, None if there is none with this ID."""
        try:
            return self._certificate(
                self._call(self._client.get_client_certificate, clientCertificateId=id)
            )
        except ApiError as error:
            if error.fault is Fault.NOT_FOUND:
                return None
            raise

    def tags(self, certificate: Certificate) -> Mapping[str, str]:
        """Return a certificate's tags; none if it does not exist any more."""
        if certificate.tags is not None:
            return certificate.tags
        try:
            response = self._call(self._client.get_tags, resourceArn=certificate.arn)
            return response.get("tags", {})
        except ApiError as error:
            if error.fault is Fault.NOT_FOUND:
                return {}
            raise

    def generate(
        self, description: str | None, tags: Mapping[str, str], earlier_attempts: int
    ) -> Certificate:
        """Create a certificate.

        An `ApiError` of the kind `AMBIGUOUS` may have created one: look for it before the next
        attempt. `earlier_attempts` is the number of calls so far that ended this way.
        """
        optional = {"description": description} if description else {}
        response = self._call(
            self._client.generate_client_certificate,
            {Fault.AMBIGUOUS: 0.0},
            earlier_attempts=earlier_attempts,
            tags=dict(tags),
            **optional,
        )
        if not response.get("clientCertificateId"):
            raise ApiError(
                Fault.AMBIGUOUS, "the response to generate_client_certificate contains no ID"
            )
        return self._certificate(response)

    def describe(self, certificate: Certificate, description: str) -> None:
        """Replace the description; an empty one clears it."""
        operation: PatchOperationTypeDef = {
            "op": "replace",
            "path": "/description",
            "value": description,
        }
        self._call(
            self._client.update_client_certificate,
            clientCertificateId=certificate.id,
            patchOperations=[operation],
        )

    def tag(self, certificate: Certificate, tags: Mapping[str, str]) -> None:
        """Add or replace tags."""
        self._call(self._client.tag_resource, resourceArn=certificate.arn, tags=dict(tags))

    def untag(self, certificate: Certificate, keys: list[str]) -> None:
        """Remove tags."""
        self._call(self._client.untag_resource, resourceArn=certificate.arn, tagKeys=keys)

    def delete(self, id: str, earlier_attempts: int) -> None:
        """Delete a certificate, without waiting for a stage that may use it (status 400 or 409)."""
        self._call(
            self._client.delete_client_certificate,
            {Fault.CONFLICT: 0.0},
            earlier_attempts=earlier_attempts,
            clientCertificateId=id,
        )

    def stages_using(self, id: str) -> StageUses:
        """Return the stages of REST and WebSocket APIs that present a certificate.

        HTTP APIs cannot present one. Of each kind, at most `MAX_APIS_READ` APIs are read.
        """
        stages: list[str] = []
        unread: list[str] = []
        skipped = 0
        for apis_of_kind, stages_of_api in (
            (self._rest_apis, self._rest_stages),
            (self._websocket_apis, self._websocket_stages),
        ):
            try:
                apis = list(apis_of_kind())
                skipped += len(apis[MAX_APIS_READ:])
                for api in apis[:MAX_APIS_READ]:
                    stages += [f"{api}/{name}" for name, used in stages_of_api(api) if used == id]
            except RequestError as error:
                unread.append(f"the stages could not all be read: {error}")
        if skipped:
            unread.append(f"the stages of {skipped} further APIs were not read")
        return StageUses(stages, "; ".join(unread))

    def _rest_apis(self) -> Iterator[str]:
        method = self._client.get_rest_apis
        for page in self._pages(method, "position", _NO_RETRY_IF_DENIED, limit=PAGE_SIZE):
            yield from (api["id"] for api in page.get("items", []))

    def _rest_stages(self, api: str) -> Iterator[tuple[str, str | None]]:
        response = self._call(self._client.get_stages, _NO_RETRY_IF_DENIED, restApiId=api)
        for stage in response.get("item", []):
            yield stage["stageName"], stage.get("clientCertificateId")

    def _websocket_apis(self) -> Iterator[str]:
        for page in self._pages(self._v2.get_apis, "NextToken", _NO_RETRY_IF_DENIED):
            for api in page.get("Items", []):
                if api["ProtocolType"] == "WEBSOCKET":
                    yield api["ApiId"]

    def _websocket_stages(self, api: str) -> Iterator[tuple[str, str | None]]:
        for page in self._pages(self._v2.get_stages, "NextToken", _NO_RETRY_IF_DENIED, ApiId=api):
            for stage in page.get("Items", []):
                yield stage["StageName"], stage.get("ClientCertificateId")

    @cached_property
    def _v2(self) -> Any:
        # Created at its first use: it is rarely needed, and takes a tenth of a second.
        return boto3.client("apigatewayv2", config=_config(self._call_seconds))

    def _pages(
        self,
        method: Callable[..., Any],
        token: str,
        retry_budgets: Mapping[Fault, float] = MappingProxyType({}),
        **arguments: Any,
    ) -> Iterator[Any]:
        """Yield the pages of a list. `token` names the member that leads to the next page."""
        while True:
            page = self._call(method, retry_budgets, **arguments)
            yield page
            if not page.get(token):
                return
            arguments[token] = page[token]

    def _call(
        self,
        method: Callable[..., T],
        retry_budgets: Mapping[Fault, float] = MappingProxyType({}),
        *,
        earlier_attempts: int = 0,
        **arguments: Any,
    ) -> T:
        """Call until it succeeds, fails for good, or the retry budget of its error is used up.

        `retry_budgets` replaces those of `faults` for this call. `earlier_attempts` is added to
        the number of attempts in logs and Reasons.
        """
        operation = method.__name__
        started = time.monotonic()
        attempt = earlier_attempts
        while True:
            attempt += 1
            self._deadline.sleep(0)
            try:
                response = method(**arguments)
            except Exception as error:  # botocore raises any type for an unreadable response
                fault = faults.classify(error)
                message = faults.message(error)
                wait = faults.backoff(attempt, faults.retry_after(error), random.random())
            else:
                logger.info("called", extra={"call": operation, "attempt": attempt})
                return response
            budget = min(
                {**faults.RETRY_BUDGETS, **retry_budgets}[fault], self._deadline.seconds_left()
            )
            retry = time.monotonic() - started + wait < budget
            logger.warning(
                "call failed, retrying" if retry else "call failed",
                extra={
                    "call": operation, "attempt": attempt, "fault": fault.name, "error": message
                },
            )  # fmt: skip
            if not retry:
                reason = self._reason(method, arguments, fault, attempt, message)
                raise ApiError(fault, reason) from None
            self._deadline.sleep(wait)

    def _reason(
        self,
        method: Callable[..., Any],
        arguments: Mapping[str, Any],
        fault: Fault,
        attempts: int,
        message: str,
    ) -> str:
        what = f"{method.__name__} {fault.value} after {attempts} attempt{'s' * (attempts != 1)}"
        advice = _ADVICE.get(fault, "")
        if fault is Fault.DENIED:
            verb, path = _verb_and_path(method, arguments)
            advice = f"the function's role needs apigateway:{verb} on {self._prefix}{path}"
        return "; ".join(filter(None, (what, advice, f"API Gateway said: {message}")))

    def _certificate(self, response: Any) -> Certificate:
        id = response["clientCertificateId"]
        return Certificate(
            id=id,
            arn=f"{self._prefix}/clientcertificates/{id}",
            pem=response.get("pemEncodedCertificate", ""),
            created=response.get("createdDate"),
            expires=response.get("expirationDate"),
            description=response.get("description", ""),
            tags=response.get("tags") or None,
        )


def _verb_and_path(method: Callable[..., Any], arguments: Mapping[str, Any]) -> tuple[str, str]:
    """Return the IAM action's verb and the resource's path of a call, from botocore's model.

    Arguments in the path are URL-encoded, as IAM sees them. Version 2 of the API has no version
    in its IAM paths. Source: service authorization reference, "Amazon API Gateway Management".
    """
    meta = method.__self__.meta  # type: ignore[attr-defined]  # the client whose method it is
    model = meta.service_model.operation_model(meta.method_to_api_mapping[method.__name__])
    path = model.http["requestUri"].removeprefix("/v2")
    for name, shape in model.input_shape.members.items():
        if shape.serialization.get("location") == "uri":
            value = quote(arguments[name], safe="")
            path = path.replace(f"{{{shape.serialization['name']}}}", value)
    return model.http["method"], path
