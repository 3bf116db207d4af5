"""Calls to AWS that are logged, bounded and retried.

Each attempt is one HTTP request. botocore's own retries are off, and `faults` decides instead:
botocore would send a POST again after an error, although the first one may have created a
certificate.
"""

import functools
import logging
import random
import time
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeVar
from urllib.parse import quote

import boto3
from botocore.config import Config

from . import faults
from .contract import QUOTA_CODE
from .deadline import Deadline
from .errors import RequestError
from .faults import Fault

T = TypeVar("T")

logger = logging.getLogger(__name__)

CALL_SECONDS: Final = 20.0
"""Seconds that one call may take where the invocation has enough of them."""
NO_RETRY_IF_DENIED: Final[Mapping[Fault, float]] = {Fault.DENIED: 0.0}

_SERVICES: Final = {
    "apigateway": "API Gateway",
    "apigatewayv2": "API Gateway",
    "events": "EventBridge",
    "ssm": "Systems Manager",
}
_ADVICE: Final[Mapping[Fault, str]] = {
    Fault.QUOTA_FULL: f"delete unused client certificates, or have quota {QUOTA_CODE} raised",
    Fault.CONFLICT: "deploy again when the other change is complete",
    Fault.CREDENTIALS: "they expired, or do not work yet: deploy again",
    Fault.AMBIGUOUS: "deploy again; a certificate created meanwhile is found by its tags",
}


class ApiError(RequestError):
    """A call that failed for good. Its text names the call, the remedy and the error."""

    def __init__(self, fault: Fault, reason: str) -> None:
        super().__init__(reason)
        self.fault = fault


@functools.cache  # each takes a tenth of a second
def make_client(service: str, call_seconds: float) -> Any:
    """Return a client that sends each call once and waits at most `call_seconds` for it."""
    connect = call_seconds / 4
    config = Config(
        connect_timeout=connect,
        read_timeout=call_seconds - connect,
        retries={"mode": "standard", "total_max_attempts": 1},
    )
    return boto3.client(service, config=config)  # type: ignore[call-overload]  # not a literal


class Caller:
    """Makes the calls of one invocation, within its deadline.

    Every method raises `ApiError` and `OutOfTimeError`.
    """

    def __init__(self, deadline: Deadline, call_seconds: float) -> None:
        self._deadline = deadline
        self._call_seconds = call_seconds

    def client(self, service: str, *, timeout_factor: float = 1.0) -> Any:
        """Return a client of a service, with the time-outs of these calls times a factor."""
        return make_client(service, timeout_factor * self._call_seconds)

    def pages(
        self,
        method: Callable[..., Any],
        token: str,
        retry_budgets: Mapping[Fault, float] = MappingProxyType({}),
        **arguments: Any,
    ) -> Iterator[Any]:
        """Yield the pages of a list.

        Args:
            method: A method of a boto3 client.
            token: The name of the response's member, and of the argument, that leads to the next
                page.
            retry_budgets: As those of `call`.
            arguments: Those of the method.
        """
        while True:
            page = self.call(method, retry_budgets, **arguments)
            yield page
            if not page.get(token):
                return
            arguments[token] = page[token]

    def call(
        self,
        method: Callable[..., T],
        retry_budgets: Mapping[Fault, float] = MappingProxyType({}),
        *,
        earlier_attempts: int = 0,
        **arguments: Any,
    ) -> T:
        """Call until it succeeds, or until the retry budget of its error is used up.

        Args:
            method: A method of a boto3 client.
            retry_budgets: Seconds, which override those of `faults` for this call.
            earlier_attempts: Calls that the caller made before for the same purpose. Logs and
                Reasons count them too.
            arguments: Those of the method.
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
                reason = _reason(method, arguments, fault, attempt, message)
                raise ApiError(fault, reason) from None
            self._deadline.sleep(wait)


def _reason(
    method: Callable[..., Any],
    arguments: Mapping[str, Any],
    fault: Fault,
    attempts: int,
    message: str,
) -> str:
    meta = method.__self__.meta  # type: ignore[attr-defined]  # the client whose method it is
    service = _SERVICES[meta.service_model.service_name]
    what = f"{method.__name__} {fault.value} after {attempts} attempt{'s' * (attempts != 1)}"
    advice = _ADVICE.get(fault, "")
    if fault is Fault.DENIED:
        advice = f"the function's role needs {_permission(meta, method.__name__, arguments)}"
    if fault is Fault.THROTTLED:
        rate = "the account's 10 requests/s" if service == "API Gateway" else "the account's rate"
        advice = f"{rate} to {service} are used up: deploy again later"
    return "; ".join(filter(None, (what, advice, f"{service} said: {message}")))


def _permission(meta: Any, method: str, arguments: Mapping[str, Any]) -> str:
    """Return the IAM action that a call needs, and for API Gateway its resource.

    API Gateway's actions are verbs on paths. Arguments in a path are URL-encoded, as IAM sees
    them, and version 2 of the API has no version in its IAM paths.

    Source: service authorization reference, "Amazon API Gateway Management".
    """
    model = meta.service_model.operation_model(meta.method_to_api_mapping[method])
    if not meta.service_model.service_name.startswith("apigateway"):
        return f"{meta.service_model.signing_name}:{model.name}"
    path = model.http["requestUri"].removeprefix("/v2")
    for name, shape in model.input_shape.members.items():
        if shape.serialization.get("location") == "uri":
            value = quote(arguments[name], safe="")
            path = path.replace(f"{{{shape.serialization['name']}}}", value)
    prefix = f"arn:{meta.partition}:apigateway:{meta.region_name}::"
    return f"apigateway:{model.http['method']} on {prefix}{path}"
