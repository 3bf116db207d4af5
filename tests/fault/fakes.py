"""The two services that the handler talks to, with their faults scripted, and the handler itself.

`FakeApiGateway` is local_aws's client-certificate API behind a plain HTTP server that counts each
request on the wire; `FakeCloudFormation` takes answers at a real HTTPS ResponseURL; `Function` is
the packaged handler in a process of its own, which may die.
"""

import json
import os
import re
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from local_aws.client_certificates import ClientCertificates, Response

SIGNATURE = "X-Amz-Signature=5ec4e75ec4e75ec4e7"
"""Stands in each ResponseURL; no log line and no error may hold it."""


def error(status: int, code: str, message: str = "scripted", retry_after: int = 0) -> Response:
    """An error in the wire form of API Gateway."""
    headers = {"x-amzn-ErrorType": code}
    if retry_after:
        headers["Retry-After"] = str(retry_after)
    return Response(status, headers, json.dumps({"message": message}).encode())


THROTTLED = error(429, "TooManyRequestsException", "Too Many Requests", retry_after=1)
QUOTA_FULL = error(429, "LimitExceededException", "Maximum number reached", retry_after=1)
CONFLICT = error(409, "ConflictException")
DENIED = error(403, "AccessDeniedException", "User is not authorized to perform: this")
UNAUTHORIZED = error(401, "UnauthorizedException")
SERVER_ERROR = error(500, "InternalFailure")
UNAVAILABLE = error(503, "ServiceUnavailableException")


@dataclass
class Fault:
    """What happens to the next `times` requests of this method and path (a regular expression).

    `commit`: the request takes effect first. `response` None: the connection is reset instead.
    `hang`: seconds before the end, cut short when the fake stops. `do`: called first of all, after
    the commit. `drip`: seconds before each byte of the body, so that no single read is slow.
    """

    method: str
    path: str
    response: Response | None = None
    times: int = 1
    commit: bool = False
    hang: float = 0.0
    do: Callable[[], object] = lambda: None
    drip: float = 0.0


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is part of the scripts."""


def _reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


class FakeApiGateway:
    """API Gateway on loopback. `calls` holds `METHOD /path` of every request on the wire."""

    def __init__(self, certificates: ClientCertificates | None = None) -> None:
        self.api = certificates or ClientCertificates()
        self.api.stages_using = self._stages_using
        self.stages: dict[str, dict[str, str]] = {}
        """REST API ID → stage name → ID of the client certificate that the stage presents."""
        self.websocket_stages: dict[str, dict[str, str]] = {}
        """The same of WebSocket APIs."""
        self.page_size = 500
        """REST APIs on a page, at most."""
        self.calls: list[str] = []
        self.faults: list[Fault] = []
        self._lock = threading.Lock()
        self._stopped = threading.Event()

    def __enter__(self) -> Self:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, *_: Any) -> None: ...

            def respond(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                response, drip = fake._answer(self.command, self.path, body)
                if response is None:
                    self.close_connection = True
                    return _reset(self.connection)
                self.send_response(response.status)
                for name, value in response.headers.items():
                    if name.lower() != "content-length":
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(response.body)))
                self.end_headers()
                if not drip:
                    self.wfile.write(response.body)
                    return None
                for byte in response.body:
                    fake._stopped.wait(drip)
                    self.wfile.write(bytes([byte]))

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = respond

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.005,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._server.shutdown()
        self._server.server_close()

    def script(self, *faults: Fault) -> None:
        """Add faults; of those that match a request, the first that is not used up counts."""
        self.faults += faults

    def count(self, method: str, path: str = ".*") -> int:
        """Requests on the wire of this method and path (a regular expression)."""
        return sum(bool(re.fullmatch(f"{method} {path}", call)) for call in self.calls)

    @property
    def ids(self) -> set[str]:
        return set(self.api.certificates)

    @property
    def writes(self) -> list[str]:
        return [call for call in self.calls if not call.startswith("GET ")]

    def _stages_using(self, id: str) -> list[str]:
        return [
            f"{api}/{stage}"
            for api, stages in {**self.stages, **self.websocket_stages}.items()
            for stage, presented in stages.items()
            if presented == id
        ]

    def _answer(self, method: str, target: str, body: bytes) -> tuple[Response | None, float]:
        path, _, query = target.partition("?")
        with self._lock:
            self.calls.append(f"{method} {path}")
            fault = next(
                (
                    fault
                    for fault in self.faults
                    if fault.times > 0 and fault.method == method and re.fullmatch(fault.path, path)
                ),
                None,
            )
            if fault:
                fault.times -= 1
        if fault is None:
            return self._handle(method, path, query, body), 0.0
        if fault.commit:
            self._handle(method, path, query, body)
        fault.do()
        self._stopped.wait(fault.hang)
        return fault.response, fault.drip

    def _handle(self, method: str, path: str, query: str, body: bytes) -> Response:
        if self.api.handles(method, path):
            return self.api.handle(method, path, parse_qs(query), body)
        if method == "GET" and path == "/restapis":
            return self._rest_apis(parse_qs(query))
        if method == "GET" and (match := re.fullmatch(r"/restapis/(\w+)/stages", path)):
            stages = self.stages[match[1]].items()
            return _json(
                {"item": [{"stageName": name, "clientCertificateId": id} for name, id in stages]}
            )
        if method == "GET" and path == "/v2/apis":
            apis = [{"apiId": api, "protocolType": "WEBSOCKET"} for api in self.websocket_stages]
            return _json({"items": [{"apiId": "http1", "protocolType": "HTTP"}, *apis]})
        if method == "GET" and (match := re.fullmatch(r"/v2/apis/(\w+)/stages", path)):
            stages = self.websocket_stages[match[1]].items()
            return _json(
                {"items": [{"stageName": name, "clientCertificateId": id} for name, id in stages]}
            )
        return error(404, "NotFoundException", f"no such path: {path}")

    def _rest_apis(self, query: dict[str, list[str]]) -> Response:
        start = int(query.get("position", ["0"])[0])
        end = start + min(self.page_size, int(query.get("limit", ["25"])[0]))
        apis = [{"id": api} for api in self.stages]
        more = {"position": str(end)} if end < len(apis) else {}
        return _json({"item": apis[start:end], **more})


def _json(document: Any) -> Response:
    return Response(200, {"Content-Type": "application/json"}, json.dumps(document).encode())


class FakeCloudFormation:
    """A real HTTPS ResponseURL. `answers` holds each accepted body, `tries` each attempt.

    `script`: what the next tries get: an HTTP status, "reset", "hang" or "drip" (headers without
    end, byte by byte), or a function that is called before a reset; then always 200.
    """

    def __init__(self, folder: Path) -> None:
        self.certificate = folder / "response-url.pem"
        self.script: list[int | str | Callable[[], object]] = []
        self.answers: list[dict[str, Any]] = []
        self.tries: list[bytes] = []
        self._key = folder / "response-url.key"
        self._stopped = threading.Event()
        _write_server_certificate(self.certificate, self._key)

    def __enter__(self) -> Self:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: Any) -> None: ...

            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                fake.tries.append(body)
                outcome = fake.script.pop(0) if fake.script else 200
                if outcome == "hang":
                    fake._stopped.wait(60)
                    return
                if outcome == "drip":
                    while not fake._stopped.wait(0.1):
                        self.wfile.write(b"H")
                if callable(outcome):
                    outcome()
                    return _reset(self.connection)
                if outcome == "reset":
                    return _reset(self.connection)
                if outcome == 200:
                    assert len(body) <= 4096
                    assert not self.headers.get("Content-Type"), "the URL is signed for none"
                    fake.answers.append(json.loads(body))
                self.send_response(int(outcome))
                if 300 <= int(outcome) < 400:
                    self.send_header("Location", fake.url("redirected"))
                self.send_header("Content-Length", "0")
                self.end_headers()

        self._server = _Server(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self._key)
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        threading.Thread(target=self._server.serve_forever, args=(0.005,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._server.shutdown()
        self._server.server_close()

    def url(self, name: str = "answer", age: float = 0.0) -> str:
        """A signed ResponseURL, good for two hours, signed `age` seconds ago."""
        signed = datetime.now(UTC) - timedelta(seconds=age)
        return (
            f"https://127.0.0.1:{self._server.server_port}/{name}?X-Amz-Algorithm=AWS4-HMAC-SHA256"
            f"&X-Amz-Date={signed:%Y%m%dT%H%M%SZ}&X-Amz-Expires=7200&{SIGNATURE}"
        )


def _write_server_certificate(certificate: Path, key: Path) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ResponseURL")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(private, hashes.SHA256())
    )
    certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    key.touch(0o600)
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


@dataclass(frozen=True)
class Invocation:
    """How one invocation ended: `ended` is "returned", "raised …" or "died"."""

    ended: str
    logs: list[str]


class Function:
    """The packaged handler in a warm process of its own: one invocation after the other."""

    def __init__(self, asset: Path, environment: Mapping[str, str]) -> None:
        self._results, theirs = os.pipe()
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("lambda_process.py")), str(theirs)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=[theirs],
            env={**environment, "PYTHONPATH": str(asset), "PYTHONDONTWRITEBYTECODE": "1"},
            text=True,
        )
        os.close(theirs)
        self.logs: list[str] = []
        self.endings: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.logs.append(line.rstrip("\n"))

    def start(self, event: Any, seconds: float = 300.0) -> None:
        """Send an event and do not wait; `seconds` is what the context says is left."""
        assert self.process.stdin
        self.process.stdin.write(json.dumps({"event": event, "seconds": seconds}) + "\n")
        self.process.stdin.flush()

    def wait(self) -> str:
        """How the invocation that was started ended."""
        with os.fdopen(os.dup(self._results)) as results:
            line = results.readline()
        self.endings.append(json.loads(line)["ended"] if line else "died")
        return self.endings[-1]

    def invoke(self, event: Any, seconds: float = 300.0) -> Invocation:
        before = len(self.logs)
        with suppress(BrokenPipeError):
            self.start(event, seconds)
        ended = self.wait()
        if ended == "died":
            self.process.wait()
            self._reader.join()
        else:
            time.sleep(0.02)  # the last lines are on their way through the pipe
        return Invocation(ended, self.logs[before:])

    def kill(self) -> None:
        """Die as a process dies, in the middle of anything."""
        self.process.send_signal(signal.SIGKILL)

    def close(self) -> None:
        self.kill()
        self.process.wait()
        self._reader.join()
        os.close(self._results)
        for stream in (self.process.stdin, self.process.stdout):
            if stream:
                with suppress(BrokenPipeError):
                    stream.close()


@dataclass
class World:
    """One account with one stack: both fakes, the packaged handler, and the events of the stack."""

    api: FakeApiGateway
    cloudformation: FakeCloudFormation
    asset: Path
    stack_id: str = "arn:aws:cloudformation:us-east-1:123456789012:stack/Stack/51af3dc0-0000"
    region: str = "us-east-1"
    functions: list[Any] = field(default_factory=list)
    _requests: int = 0

    @property
    def environment(self) -> dict[str, str]:
        """What Lambda sets, and where the fakes are; nothing of this machine's AWS settings."""
        return {
            "PATH": os.defpath,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": self.api.url,
            "SSL_CERT_FILE": str(self.cloudformation.certificate),
        }

    def function(self) -> Function:
        """A fresh process, as after a crash or beside another one."""
        function = Function(self.asset, self.environment)
        self.functions.append(function)
        return function

    def event(self, kind: str, **overrides: Any) -> dict[str, Any]:
        """An event as CloudFormation sends it; each has a RequestId of its own."""
        self._requests += 1
        event = {
            "RequestType": kind,
            "ResponseURL": self.cloudformation.url(f"answer-{self._requests}"),
            "StackId": self.stack_id,
            "RequestId": f"7d3e9c1a-0000-4000-8000-{self._requests:012d}",
            "ResourceType": "Custom::ApiGatewayClientCertificate",
            "LogicalResourceId": "Certificate4E7ABB08",
            "ServiceToken": "arn:aws:lambda:us-east-1:123456789012:function:Stack-Function",
            "ResourceProperties": {
                "ServiceToken": "arn:aws:lambda:us-east-1:123456789012:function:Stack-Function",
                "ServiceTimeout": "1200",
                "Description": "backend",
                "Tags": [{"Key": "team", "Value": "edge"}],
            },
        }
        return {**event, **overrides}

    def told(self) -> str:
        """All that the handler ever said: its logs, its answers and how its invocations ended."""
        spoken = [line for made in self.functions for line in (*made.logs, *made.endings)]
        return "\n".join((*spoken, *(body.decode() for body in self.cloudformation.tries)))

    def close(self) -> None:
        for function in self.functions:
            function.close()


@contextmanager
def world(folder: Path, asset: Path) -> Iterator[World]:
    """A world of its own, gone at the end."""
    with FakeApiGateway() as api, FakeCloudFormation(folder) as cloudformation:
        made = World(api, cloudformation, asset)
        try:
            yield made
        finally:
            made.close()
