"""The handler without sockets and without waiting: thousands of invocations in seconds.

Everything above the wire is real: crhelper's wiring, botocore's serialization and its parsing.
What stands in for the world is `Account` (API Gateway), whoever takes the answers, and `Clock`.
"""

import importlib
import io
import json
import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from types import SimpleNamespace
from typing import Any, Self
from urllib.parse import SplitResult, parse_qs, urlsplit

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.httpsession import URLLib3Session
from botocore.useragent import UserAgentString
from urllib3 import HTTPHeaderDict

from local_aws.client_certificates import VALIDITY, Certificate, ClientCertificates, Response
from tests.fault.fakes import SIGNATURE

ENVIRONMENT = {
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}
SECRET = SIGNATURE.partition("=")[2]
"""The part of a ResponseURL that no log line, no error and no answer may hold."""


class Died(BaseException):
    """The process dies: nothing of the handler's runs any more, and nothing of it can answer."""


class Clock:
    """The part of `time` that the handler uses. Sleeping takes no time."""

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

    def pass_by(self, age: timedelta) -> None:
        self.now += age.total_seconds()


class Context:
    """The part of Lambda's context that says how much time is left."""

    def __init__(self, clock: Clock, seconds: float = 300.0) -> None:
        self._clock, self._end = clock, clock.now + seconds

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int(1000 * (self._end - self._clock.now)))


@dataclass(frozen=True)
class Call:
    """One request on the wire. `path` is raw, that is, still percent-encoded."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    body: bytes


class Account(ClientCertificates):
    """API Gateway with repeatable certificates, IDs and dates, and with the stages that use them.

    Its IDs do not grow with time, so that whoever takes the smallest for the oldest is caught.
    """

    def __init__(self, clock: Clock, *, tags_in_list: bool = True) -> None:
        super().__init__(tags_in_list=tags_in_list, stages_using=self._in_use)
        self.in_use: set[str] = set()
        self._clock, self._made = clock, 0

    def answer(self, call: Call) -> Response:
        """The response to one request, scripted faults aside."""
        if self.handles(call.method, call.path):
            return self.handle(call.method, call.path, call.query, call.body)
        if (call.method, call.path) == ("GET", "/restapis"):
            return _json({"item": [{"id": "a1"}] if self.in_use else []})
        if (call.method, call.path) == ("GET", "/restapis/a1/stages"):
            return _json(
                {"item": [{"stageName": "prod", "clientCertificateId": id} for id in self.in_use]}
            )
        if (call.method, call.path) == ("GET", "/v2/apis"):
            return _json({"items": []})
        raise AssertionError(f"no call that the handler should make: {call}")

    def generate(self, description: str | None, tags: Mapping[str, str]) -> Certificate:
        made = super().generate(description, tags)
        # As long as a real one, and each another.
        lines = [f"{self._made:064d}"] * 17
        made.pem = "\r\n".join(["-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----"])
        made.created = datetime.fromtimestamp(self._clock.now, UTC).replace(microsecond=0)
        made.expires = made.created + VALIDITY
        return made

    def _in_use(self, id: str) -> list[str]:
        return ["a1/prod"] if id in self.in_use else []

    def _unused_id(self) -> str:
        self._made += 1
        return f"{self._made * 7919 % 10_007:05d}x"


class Handler:
    """`lambda_handler.main.handler` with the world behind it exchanged.

    `wire` gets each request to API Gateway and `put` each try to deliver an answer; both may raise.
    `logs` holds every line that would reach the log group.
    """

    def __init__(self, main: Any) -> None:
        self._main = main
        self.clock = Clock()
        self.wire: Callable[[Call], Response] = _unset
        self.put: Callable[[SplitResult, bytes], int] = _unset
        self.logs: list[str] = []
        self.Undelivered: type[Exception] = main.UndeliveredError
        self.Unanswerable: type[Exception] = main.UnanswerableError

    def begin(
        self, wire: Callable[[Call], Response], put: Callable[[SplitResult, bytes], int]
    ) -> None:
        """A new world: time starts again."""
        self.wire, self.put = wire, put
        self.clock.now = Clock.START
        self.logs.clear()

    def __call__(self, event: Any, seconds: float = 300.0) -> None:
        self._main.handler(event, Context(self.clock, seconds))

    def leaked(self) -> list[str]:
        """Log lines that hold a part of the signed URL."""
        return [line for line in self.logs if SECRET in line]


@contextmanager
def simulated_handler() -> Iterator[Handler]:
    """The handler, patched for as long as the context lasts."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        patch.setattr(boto3, "DEFAULT_SESSION", None)
        main, custom_resource, api_gateway, deadline, certificate, log = (
            importlib.import_module(f"lambda_handler.{name}")
            for name in ("main", "custom_resource", "api_gateway", "deadline", "certificate", "log")
        )
        handler = Handler(main)
        clock = handler.clock

        # Whoever imported the handler before may have done so without a Region.
        patch.setattr(main, "IMPORT_ERROR", None)
        patch.setattr(main, "custom_resource", custom_resource, raising=False)
        client = api_gateway.make_client(api_gateway.CALL_SECONDS)
        patch.setattr(custom_resource, "CLIENT", client)
        patch.setattr(custom_resource, "make_client", lambda _seconds: client)
        for module in (main, api_gateway, deadline, certificate):
            patch.setattr(module, "time", clock)
        for module in (deadline, certificate):
            patch.setattr(module, "datetime", _datetime_of(clock))
        patch.setattr(main, "_put", lambda url, body, _timeout: handler.put(url, body))
        # A tenth of all the time otherwise.
        patch.setattr(UserAgentString, "to_string", lambda _self: "tests")
        patch.setattr(URLLib3Session, "send", _sender(handler))
        patch.setattr(custom_resource, "threading", SimpleNamespace(Thread=_AtOnce))

        lines = _Lines(handler.logs)
        lines.setFormatter(log._JsonLines())
        logger = logging.getLogger(log.PACKAGE)
        patch.setattr(logger, "handlers", [lines])
        patch.setattr(logger, "propagate", False)
        root = logging.getLogger()
        root.addHandler(lines)
        try:
            yield handler
        finally:
            root.removeHandler(lines)


class _Lines(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(self.format(record))


def _sender(handler: Handler) -> Callable[[URLLib3Session, AWSPreparedRequest], AWSResponse]:
    def send(_session: URLLib3Session, request: AWSPreparedRequest) -> AWSResponse:
        parts = urlsplit(request.url)
        body = request.body or b""
        call = Call(
            request.method,
            parts.path,
            parse_qs(parts.query, keep_blank_values=True),
            body if isinstance(body, bytes) else body.encode(),
        )
        response = handler.wire(call)
        return AWSResponse(
            request.url, response.status, HTTPHeaderDict(response.headers), _Raw(response.body)
        )

    return send


class _Raw(io.BytesIO):
    def stream(self) -> Iterator[bytes]:
        yield self.read()


class _AtOnce(threading.Thread):
    """Runs within `start`: real threads are for the tests with real time, and cost most of it."""

    def start(self) -> None:
        self.run()


def _datetime_of(clock: Clock) -> type[datetime]:
    class ClockedDatetime(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return cls.fromtimestamp(clock.now, tz)

    return ClockedDatetime


def response_url(clock: Clock, name: str, seconds: float = 7200.0) -> str:
    """A signed ResponseURL, signed now."""
    signed = datetime.fromtimestamp(clock.now, UTC)
    return (
        f"https://cloudformation.invalid/{name}?X-Amz-Algorithm=AWS4-HMAC-SHA256"
        f"&X-Amz-Date={signed:%Y%m%dT%H%M%SZ}&X-Amz-Expires={seconds:.0f}&{SIGNATURE}"
    )


def answer_violations(event: Mapping[str, Any], body: bytes) -> list[str]:
    """What CloudFormation would not take in an answer; none if it is as documented."""
    answer = json.loads(body)
    wrong = []
    if len(body) > 4096:
        wrong.append(f"{len(body)} bytes")
    if answer.get("Status") not in ("SUCCESS", "FAILED"):
        wrong.append(f"status {answer.get('Status')!r}")
    for name in ("StackId", "RequestId", "LogicalResourceId"):
        told, asked = answer.get(name), event.get(name)
        # What is longer than any of CloudFormation's cannot be told in 4,096 bytes.
        short = isinstance(asked, str) and len(json.dumps(asked)) <= 600
        if not isinstance(told, str) or (short and told != asked):
            wrong.append(f"{name} {told!r} is not the event's")
    id = answer.get("PhysicalResourceId")
    if not isinstance(id, str) or not id or len(id.encode(errors="surrogatepass")) > 1024:
        wrong.append(f"physical ID {id!r}")
    if not isinstance(answer.get("Reason"), str):
        wrong.append("no reason")
    if answer.get("Status") == "FAILED" and not answer.get("Reason"):
        wrong.append("FAILED without a reason")
    data = answer.get("Data", {})
    if not isinstance(data, dict) or not all(isinstance(value, str) for value in data.values()):
        wrong.append("data other than strings")
    if SECRET in body.decode():
        wrong.append("the signed URL")
    return wrong


def _json(document: Any) -> Response:
    return Response(200, {"Content-Type": "application/json"}, json.dumps(document).encode())


def _unset(*_: Any) -> Any:
    raise AssertionError("Handler.begin was not called")
