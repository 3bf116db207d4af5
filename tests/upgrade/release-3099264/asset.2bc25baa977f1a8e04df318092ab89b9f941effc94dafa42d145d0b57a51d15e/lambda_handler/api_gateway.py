"""The thin file that talks to API Gateway: every call logged, bounded in time and tried by rule.

Each attempt is one request on the wire. botocore's own retries would send a POST again after an
error that came when the certificate was made already, so they are off, and the rule is here.
"""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import quote

import boto3
from botocore.config import Config

from . import faults
from .contract import QUOTA_CODE
from .faults import Fault
from .log import Log

if TYPE_CHECKING:
    from types_boto3_apigateway import APIGatewayClient
    from types_boto3_apigateway.type_defs import PatchOperationTypeDef

T = TypeVar("T")

CALL_SECONDS: Final = 20.0
"""What one call may take when there is time enough."""
PAGE: Final = 500
"""The largest `limit` of a list call."""
MAX_APIS_READ: Final = 40
"""REST APIs whose stages are read: these calls share the account's 10 requests/s."""

_ADVICE: Final = {
    Fault.QUOTA: f"delete unused client certificates, or have quota {QUOTA_CODE} raised",
    Fault.CONFLICT: "deploy again when the other change is through",
    Fault.THROTTLED: "the account's 10 requests/s to API Gateway are spent: deploy again later",
    Fault.UNCERTAIN: "deploy again; what was made meanwhile is found by its tags",
}


class ApiError(Exception):
    """A call that failed for good. Its text is a Reason: what was tried, said, and what to do."""

    def __init__(self, fault: Fault, reason: str) -> None:
        super().__init__(reason)
        self.fault = fault


class OutOfTimeError(Exception):
    """The deadline is too near to start another call."""


@dataclass(frozen=True)
class Certificate:
    """A client certificate, as API Gateway describes it. Tags of None: it did not say."""

    id: str
    arn: str
    pem: str
    created: datetime | None
    expires: datetime | None
    description: str
    tags: dict[str, str] | None


def make_client(call_seconds: float) -> "APIGatewayClient":
    """A client that sends each call once and waits for it no longer than `call_seconds`."""
    connect = call_seconds / 4
    client: APIGatewayClient = boto3.client(
        "apigateway",
        config=Config(
            connect_timeout=connect,
            read_timeout=call_seconds - connect,
            retries={"mode": "standard", "total_max_attempts": 1},
        ),
    )
    return client


def _tags_path(certificate: Certificate) -> str:
    """The path of tag calls, as IAM sees it: the ARN in it is URL-encoded."""
    return f"/tags/{quote(certificate.arn, safe='')}"


class ApiGateway:
    """The calls that this function makes, for one request, until its deadline.

    Every method raises `ApiError` and `OutOfTimeError`.
    """

    def __init__(
        self, client: "APIGatewayClient", seconds: float, call_seconds: float, log: Log
    ) -> None:
        self._client = client
        self.seconds = seconds
        self._deadline = time.monotonic() + seconds
        self._call_seconds = call_seconds
        self.log = log
        self._arn = f"arn:{client.meta.partition}:apigateway:{client.meta.region_name}::"

    def seconds_left(self) -> float:
        """Seconds in which calls may still be started."""
        return self._deadline - self._call_seconds - time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait; raises `OutOfTimeError` at once where no call could follow."""
        if seconds >= self.seconds_left():
            raise OutOfTimeError(
                "the function's time ran out before its next call to API Gateway: deploy again"
            )
        time.sleep(seconds)

    def certificates(self) -> Iterator[Certificate]:
        """All client certificates of the account and Region, page by page."""
        position: dict[str, Any] = {}
        while True:
            page = self._call(
                self._client.get_client_certificates, "/clientcertificates", limit=PAGE, **position
            )
            yield from map(self._certificate, page.get("items", []))
            if not page.get("position"):
                return
            position = {"position": page["position"]}

    def get(self, id: str) -> Certificate | None:
        """One certificate; None where there is none of this ID."""
        path = f"/clientcertificates/{id}"
        try:
            return self._certificate(
                self._call(self._client.get_client_certificate, path, clientCertificateId=id)
            )
        except ApiError as error:
            if error.fault is Fault.MISSING:
                return None
            raise

    def tags(self, certificate: Certificate) -> dict[str, str]:
        """A certificate's tags; empty where it is gone."""
        if certificate.tags is not None:
            return certificate.tags
        try:
            path = _tags_path(certificate)
            answer = self._call(self._client.get_tags, path, resourceArn=certificate.arn)
            return answer.get("tags", {})
        except ApiError as error:
            if error.fault is Fault.MISSING:
                return {}
            raise

    def generate(self, description: str | None, tags: dict[str, str]) -> Certificate:
        """Make a certificate. An `ApiError` of `UNCERTAIN` may have made one: look before again."""
        described = {"description": description} if description else {}
        made = self._call(
            self._client.generate_client_certificate,
            "/clientcertificates",
            patience={Fault.UNCERTAIN: 0.0},
            tags=tags,
            **described,
        )
        if not made.get("clientCertificateId"):
            raise ApiError(
                Fault.UNCERTAIN, "generate_client_certificate was answered without an ID"
            )
        return self._certificate(made)

    def describe(self, certificate: Certificate, description: str) -> None:
        """Replace the description; `''` clears it."""
        change: PatchOperationTypeDef = {
            "op": "replace",
            "path": "/description",
            "value": description,
        }
        self._call(
            self._client.update_client_certificate,
            f"/clientcertificates/{certificate.id}",
            clientCertificateId=certificate.id,
            patchOperations=[change],
        )

    def tag(self, certificate: Certificate, tags: dict[str, str]) -> None:
        """Add or replace tags."""
        path = _tags_path(certificate)
        self._call(self._client.tag_resource, path, resourceArn=certificate.arn, tags=tags)

    def untag(self, certificate: Certificate, keys: list[str]) -> None:
        """Remove tags."""
        path = _tags_path(certificate)
        self._call(self._client.untag_resource, path, resourceArn=certificate.arn, tagKeys=keys)

    def delete(self, id: str) -> None:
        """Delete a certificate, once: an error 400 or 409 may mean that a stage uses it."""
        self._call(
            self._client.delete_client_certificate,
            f"/clientcertificates/{id}",
            patience={Fault.CONFLICT: 0.0},
            clientCertificateId=id,
        )

    def stages_using(self, id: str) -> Iterator[str]:
        """`API ID/stage name` of each stage that presents the certificate, API by API."""
        at_once = {Fault.DENIED: 0.0}
        apis = self._call(
            self._client.get_rest_apis, "/restapis", patience=at_once, limit=PAGE
        ).get("items", [])
        for api in apis[:MAX_APIS_READ]:
            stages = self._call(
                self._client.get_stages,
                f"/restapis/{api['id']}/stages",
                patience=at_once,
                restApiId=api["id"],
            )
            for stage in stages.get("item", []):
                if stage.get("clientCertificateId") == id:
                    yield f"{api['id']}/{stage['stageName']}"
        if len(apis) > MAX_APIS_READ:
            yield f"(the stages of {len(apis) - MAX_APIS_READ} further APIs were not read)"

    def _call(
        self,
        method: Callable[..., T],
        path: str,
        patience: dict[Fault, float] | None = None,
        **arguments: Any,
    ) -> T:
        """Call until it succeeds, its fault is for good, or the fault's patience is at an end."""
        operation = method.__name__
        started = time.monotonic()
        for attempt in count(1):
            self.sleep(0)
            try:
                answer = method(**arguments)
            except Exception as error:  # for an answer that it cannot read, botocore raises any
                fault = faults.classify(error)
                said = faults.said(error)
                wait = faults.pause(attempt, faults.retry_after(error), random.random())
            else:
                self.log.info("called", extra={"call": operation, "attempt": attempt})
                return answer
            bearable = {**faults.PATIENCE, **(patience or {})}[fault]
            again = time.monotonic() - started + wait < min(bearable, self.seconds_left())
            self.log.warning(
                "call failed, trying again" if again else "call failed",
                extra={"call": operation, "attempt": attempt, "fault": fault.name, "error": said},
            )
            if not again:
                raise ApiError(fault, self._reason(operation, path, fault, attempt, said)) from None
            self.sleep(wait)
        raise AssertionError("unreachable")

    def _reason(self, operation: str, path: str, fault: Fault, attempts: int, said: str) -> str:
        what = f"{operation} {fault.value} after {attempts} attempts"
        advice = _ADVICE.get(fault, "")
        if fault is Fault.DENIED:
            model = self._client.meta.service_model.operation_model(
                self._client.meta.method_to_api_mapping[operation]
            )
            advice = (
                f"the function's role needs apigateway:{model.http['method']} on {self._arn}{path}"
            )
        return "; ".join(filter(None, (what, advice, f"API Gateway said: {said}")))

    def _certificate(self, said: Any) -> Certificate:
        id = said["clientCertificateId"]
        return Certificate(
            id=id,
            arn=f"{self._arn}/clientcertificates/{id}",
            pem=said.get("pemEncodedCertificate", ""),
            created=said.get("createdDate"),
            expires=said.get("expirationDate"),
            description=said.get("description", ""),
            tags=said.get("tags"),
        )
