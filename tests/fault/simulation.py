"""The handler without sockets and without waiting: thousands of invocations in seconds.

Everything above HTTP is real: crhelper, and botocore's serialization and parsing. API Gateway
(`SimulatedApiGateway`), the ResponseURL and the clock (`SimulatedClock`) are replaced.
"""

import functools
import importlib
import io
import json
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from types import SimpleNamespace
from typing import Any, Self
from urllib.parse import SplitResult, parse_qs, urlsplit

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.httpsession import URLLib3Session
from botocore.signers import RequestSigner
from botocore.useragent import UserAgentString
from urllib3 import HTTPHeaderDict

from handler_testing.environment import replace_aws_variables
from handler_testing.fake_cloudformation import SIGNATURE
from local_aws.client_certificates import ClientCertificates
from local_aws.responses import Response, json_response
from local_aws.settings import aws_variables

SIGNATURE_VALUE = SIGNATURE.partition("=")[2]
"""The part of a ResponseURL that no log line, error or response may contain."""


class ProcessKilled(BaseException):
    """Raised inside the handler to end it as if its process were killed.

    A BaseException, because the handler catches every Exception and would respond.
    """


class SimulatedClock:
    """Replaces the `time` module. Sleeping moves the clock and takes no time."""

    START = 1_800_000_000.0

    def __init__(self) -> None:
        self.now = self.START

    def time(self) -> float:
        return self.now

    monotonic = time

    def sleep(self, seconds: float) -> None:
        if seconds < 0:
            raise ValueError("sleep length must be non-negative")
        self.now += seconds

    def advance(self, time: timedelta) -> None:
        self.now += time.total_seconds()


class SimulatedLambdaContext:
    """The part of Lambda's context that returns the remaining time."""

    def __init__(self, clock: SimulatedClock, seconds: float = 300.0) -> None:
        self._clock, self._end = clock, clock.now + seconds

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int(1000 * (self._end - self._clock.now)))


@dataclass(frozen=True)
class Call:
    """One HTTP request to API Gateway. `path` is still percent-encoded."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    body: bytes


class SimulatedApiGateway(ClientCertificates):
    """API Gateway with reproducible certificates, IDs and dates, and one REST API.

    IDs are not in the order of creation, so that a handler fails if it takes the certificate
    with the smallest ID for the oldest one.

    Attributes:
        in_use: The IDs of certificates that the stage of the REST API uses.
    """

    def __init__(self, clock: SimulatedClock, *, tags_in_list: bool = True) -> None:
        super().__init__(tags_in_list=tags_in_list, stages_using=self._in_use)
        self.in_use: set[str] = set()
        self._clock, self._count = clock, 0

    def respond(self, call: Call) -> Response:
        """Carry out one request, without injected faults."""
        if self.handles(call.path):
            return self.handle(call.method, call.path, call.query, call.body)
        if (call.method, call.path) == ("GET", "/restapis"):
            return json_response(200, {"item": [{"id": "a1"}] if self.in_use else []})
        if (call.method, call.path) == ("GET", "/restapis/a1/stages"):
            return json_response(
                200,
                {"item": [{"stageName": "prod", "clientCertificateId": id} for id in self.in_use]},
            )
        if (call.method, call.path) == ("GET", "/v2/apis"):
            return json_response(200, {"items": []})
        raise AssertionError(f"unexpected call: {call}")

    def _issue(self) -> tuple[str, str, datetime]:
        # Unique, and as long as a genuine PEM. Genuine keys take half of the time.
        lines = [f"{self._sequence:064d}"] * 17
        pem = "\r\n".join(["-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----"])
        return pem, "", datetime.fromtimestamp(self._clock.now, UTC).replace(microsecond=0)

    def _in_use(self, id: str) -> list[str]:
        return ["a1/prod"] if id in self.in_use else []

    def _unused_id(self) -> str:
        self._count += 1
        return f"{self._count * 7919 % 10_007:05d}x"


class SimulatedFunction:
    """`lambda_handler.main.handler` with simulated time, API Gateway and ResponseURL.

    Attributes:
        clock: The time that the handler sees.
        call_api: Gets each request to API Gateway, and may raise.
        put_response: Gets each attempt to deliver a response, returns its status, and may raise.
        logs: All lines that would reach the log group.
    """

    def __init__(self, main: Any) -> None:
        self._main = main
        self.clock = SimulatedClock()
        self.call_api: Callable[[Call], Response] = _not_connected
        self.put_response: Callable[[SplitResult, bytes], int] = _not_connected
        self.logs: list[str] = []
        self.UndeliveredError: type[Exception] = main.UndeliveredError
        self.UnanswerableError: type[Exception] = main.UnanswerableError

    def connect(
        self,
        call_api: Callable[[Call], Response],
        put_response: Callable[[SplitResult, bytes], int],
    ) -> None:
        """Connect to these two services, and reset the clock and the log."""
        self.call_api, self.put_response = call_api, put_response
        self.clock.now = SimulatedClock.START
        self.logs.clear()

    def __call__(self, event: Any, seconds: float = 300.0) -> None:
        self._main.handler(event, SimulatedLambdaContext(self.clock, seconds))

    def leaking_log_lines(self) -> list[str]:
        """Return the log lines that contain part of a signed URL."""
        return [line for line in self.logs if SIGNATURE_VALUE in line]


@contextmanager
def simulated_function() -> Iterator[SimulatedFunction]:
    """Patch the handler for the duration of the context."""
    with pytest.MonkeyPatch.context() as patch:
        replace_aws_variables(patch, aws_variables("us-east-1", "test", "test"))
        patch.setattr(boto3, "DEFAULT_SESSION", None)
        main, custom_resource, calls, deadline, certificate, log = (
            importlib.import_module(f"lambda_handler.{name}")
            for name in ("main", "custom_resource", "calls", "deadline", "certificate", "log")
        )
        function = SimulatedFunction(main)
        clock = function.clock

        # The handler may have been imported before without a Region, which is an import error.
        patch.setattr(main, "IMPORT_ERROR", None)
        patch.setattr(main, "custom_resource", custom_resource, raising=False)
        clients = functools.cache(functools.partial(calls.make_client.__wrapped__, call_seconds=20))
        patch.setattr(calls, "make_client", lambda service, _seconds: clients(service))
        for module in (main, calls, deadline, certificate):
            patch.setattr(module, "time", clock)
        for module in (deadline, certificate):
            patch.setattr(module, "datetime", _datetime_of(clock))
        # This function would open a socket and create a TLS context for each response.
        patch.setattr(main, "_put", lambda url, body, _timeout: function.put_response(url, body))
        skip_ignored_parts(patch)
        patch.setattr(URLLib3Session, "send", _sender(function))
        patch.setattr(custom_resource, "threading", SimpleNamespace(Thread=_SynchronousThread))

        logger, root = logging.getLogger(log.PACKAGE), logging.getLogger()
        for name in ("handlers", "level", "propagate"):
            patch.setattr(logger, name, getattr(logger, name))  # restored at the end
        with redirect_stdout(_Lines(function.logs)):
            log.configure()
        (lines,) = logger.handlers
        root.addHandler(lines)
        try:
            yield function
        finally:
            root.removeHandler(lines)


def skip_ignored_parts(patch: pytest.MonkeyPatch) -> None:
    """Skip the parts of a request that take half of its time and that the simulation ignores."""
    patch.setattr(UserAgentString, "to_string", lambda _self: "tests")
    patch.setattr(RequestSigner, "handler", lambda _self, **_: None)


class _Lines(io.TextIOBase):
    """A stream that appends each line to a list."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__()
        self._lines = lines

    def write(self, text: str) -> int:
        self._lines.append(text.rstrip("\n"))
        return len(text)


def _sender(
    function: SimulatedFunction,
) -> Callable[[URLLib3Session, AWSPreparedRequest], AWSResponse]:
    def send(_session: URLLib3Session, request: AWSPreparedRequest) -> AWSResponse:
        parts = urlsplit(request.url)
        body = request.body or b""
        assert isinstance(body, bytes | str)
        call = Call(
            request.method,
            parts.path,
            parse_qs(parts.query, keep_blank_values=True),
            body if isinstance(body, bytes) else body.encode(),
        )
        response = function.call_api(call)
        headers: Any = HTTPHeaderDict(response.headers)  # what botocore itself passes
        return AWSResponse(request.url, response.status, headers, _RawBody(response.body))

    return send


class _RawBody(io.BytesIO):
    def stream(self) -> Iterator[bytes]:
        yield self.read()


class _SynchronousThread(threading.Thread):
    """A thread that runs within `start`, because real threads would take most of the time."""

    def start(self) -> None:
        self.run()


def _datetime_of(clock: SimulatedClock) -> type[datetime]:
    class ClockedDatetime(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return cls.fromtimestamp(clock.now, tz)

    return ClockedDatetime


def response_url(clock: SimulatedClock, name: str, seconds: float = 7200.0) -> str:
    """Return a ResponseURL that is signed now and valid for `seconds`."""
    signed = datetime.fromtimestamp(clock.now, UTC)
    return (
        f"https://cloudformation.invalid/{name}?X-Amz-Algorithm=AWS4-HMAC-SHA256"
        f"&X-Amz-Date={signed:%Y%m%dT%H%M%SZ}&X-Amz-Expires={seconds:.0f}&{SIGNATURE}"
    )


def response_violations(event: Mapping[str, Any], body: bytes) -> list[str]:
    """Return why CloudFormation would reject a response; an empty list if it is valid."""
    response = json.loads(body)
    violations = []
    if len(body) > 4096:
        violations.append(f"{len(body)} bytes")
    if response.get("Status") not in ("SUCCESS", "FAILED"):
        violations.append(f"status {response.get('Status')!r}")
    for name in ("StackId", "RequestId", "LogicalResourceId"):
        actual, expected = response.get(name), event.get(name)
        # One that is longer than any of CloudFormation's does not fit into 4,096 bytes.
        fits = isinstance(expected, str) and len(json.dumps(expected)) <= 600
        if not isinstance(actual, str) or (fits and actual != expected):
            violations.append(f"{name} {actual!r} is not the event's")
    id = response.get("PhysicalResourceId")
    if not isinstance(id, str) or not id or len(id.encode(errors="surrogatepass")) > 1024:
        violations.append(f"physical ID {id!r}")
    if not isinstance(response.get("Reason"), str):
        violations.append("no reason")
    if response.get("Status") == "FAILED" and not response.get("Reason"):
        violations.append("FAILED without a reason")
    data = response.get("Data", {})
    if not isinstance(data, dict) or not all(isinstance(value, str) for value in data.values()):
        violations.append("data other than strings")
    if SIGNATURE_VALUE in body.decode():
        violations.append("contains the signed URL")
    return violations


def _not_connected(*_: Any) -> Any:
    raise AssertionError("call SimulatedFunction.connect first")
