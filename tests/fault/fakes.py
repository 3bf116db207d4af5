"""Fakes of API Gateway and CloudFormation, whose faults are scripted.

`FakeApiGateway` serves local_aws's client-certificate API over HTTP and records each request.
`FakeCloudFormation` receives responses at an HTTPS ResponseURL.
"""

import json
import re
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs

from local_aws.client_certificates import ClientCertificates
from local_aws.responses import Response
from local_aws.settings import issue_server_certificate

SIGNATURE = "X-Amz-Signature=5ec4e75ec4e75ec4e7"
"""Part of each ResponseURL. No log line and no error may contain it."""


def json_response(document: Any) -> Response:
    """Return a successful response with a JSON body."""
    return Response(200, {"Content-Type": "application/json"}, json.dumps(document).encode())


def error(status: int, code: str, message: str = "scripted", retry_after: int = 0) -> Response:
    """Return an error as API Gateway sends it."""
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
class InjectedFault:
    """What happens to the next requests that have this method and path.

    Attributes:
        method: The HTTP method.
        path: A regular expression that matches the whole path.
        response: The response to send. None resets the connection instead.
        times: How many requests are affected.
        commit: Whether the request takes effect first.
        hang: Seconds to wait before responding. Stopping the fake ends the wait.
        do: Called before the response, and after the request took effect.
        drip: Seconds before each byte of the body, so that no single read times out.
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
        """Ignore clients that hang up: some tests kill the client on purpose."""


def _reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


class FakeApiGateway:
    """API Gateway on loopback.

    Attributes:
        store: The client certificates.
        stages: The stages of REST APIs: API ID → stage name → client certificate ID.
        websocket_stages: The stages of WebSocket APIs, in the same form.
        max_page_size: The most REST APIs or client certificates on a page.
        calls: `METHOD /path` of each request that was received.
        faults: The faults to inject. The first one that matches a request and is not used up wins.
    """

    def __init__(self, certificates: ClientCertificates | None = None) -> None:
        self.store = certificates or ClientCertificates()
        self.store.stages_using = self._stages_using
        self.stages: dict[str, dict[str, str]] = {}
        self.websocket_stages: dict[str, dict[str, str]] = {}
        self.max_page_size = 500
        self.calls: list[str] = []
        self.faults: list[InjectedFault] = []
        self._lock = threading.Lock()
        self._stopped = threading.Event()

    def __enter__(self) -> Self:
        fake = self

        class RequestHandler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, *_: Any) -> None: ...

            def respond(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                response, drip = fake._respond(self.command, self.path, body)
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

        self._server = _Server(("127.0.0.1", 0), RequestHandler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.005,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._server.shutdown()
        self._server.server_close()

    def inject(self, *faults: InjectedFault) -> None:
        """Add faults after those that are already there."""
        self.faults += faults

    def count(self, method: str, path: str = ".*") -> int:
        """Return how many requests had this method and path (a regular expression)."""
        return sum(bool(re.fullmatch(f"{method} {path}", call)) for call in self.calls)

    @property
    def ids(self) -> set[str]:
        """The IDs of all client certificates."""
        return set(self.store.certificates)

    @property
    def writes(self) -> list[str]:
        """The calls that were not reads."""
        return [call for call in self.calls if not call.startswith("GET ")]

    def handle(self, method: str, path: str, query: str, body: bytes) -> Response:
        """Carry out one request, without injected faults."""
        parameters = parse_qs(query)
        if self.store.handles(path):
            if path == "/clientcertificates":
                parameters["limit"] = [str(self._limit(parameters))]
            return self.store.handle(method, path, parameters, body)
        if method == "GET" and path == "/restapis":
            return self._rest_apis(parameters)
        if method == "GET" and (match := re.fullmatch(r"/restapis/(\w+)/stages", path)):
            return json_response({"item": _stage_items(self.stages[match[1]])})
        if method == "GET" and path == "/v2/apis":
            apis = [{"apiId": api, "protocolType": "WEBSOCKET"} for api in self.websocket_stages]
            return json_response({"items": [{"apiId": "http1", "protocolType": "HTTP"}, *apis]})
        if method == "GET" and (match := re.fullmatch(r"/v2/apis/(\w+)/stages", path)):
            return json_response({"items": _stage_items(self.websocket_stages[match[1]])})
        return error(404, "NotFoundException", f"no such path: {path}")

    def _stages_using(self, id: str) -> list[str]:
        return [
            f"{api}/{stage}"
            for api, stages in {**self.stages, **self.websocket_stages}.items()
            for stage, certificate_id in stages.items()
            if certificate_id == id
        ]

    def _respond(self, method: str, target: str, body: bytes) -> tuple[Response | None, float]:
        """Return the response to a request, and the seconds to wait before each of its bytes."""
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
            return self.handle(method, path, query, body), 0.0
        if fault.commit:
            self.handle(method, path, query, body)
        fault.do()
        self._stopped.wait(fault.hang)
        return fault.response, fault.drip

    def _rest_apis(self, query: dict[str, list[str]]) -> Response:
        start = int(query.get("position", ["0"])[0])
        end = start + self._limit(query)
        apis = [{"id": api} for api in self.stages]
        position = {"position": str(end)} if end < len(apis) else {}
        return json_response({"item": apis[start:end], **position})

    def _limit(self, query: dict[str, list[str]]) -> int:
        return min(self.max_page_size, int(query.get("limit", ["25"])[0]))


def _stage_items(stages: dict[str, str]) -> list[dict[str, str]]:
    return [{"stageName": name, "clientCertificateId": id} for name, id in stages.items()]


class FakeCloudFormation:
    """CloudFormation's side of a custom resource: an HTTPS ResponseURL on loopback.

    Attributes:
        authority: A PEM file with the CA of the server's certificate.
        script: What happens to the next attempts to deliver a response: an HTTP status, "reset",
            "hang", "drip" (endless headers, byte by byte), or a function that is called before the
            connection is reset. The status is 200 once the script is used up.
        responses: The body of each response that was accepted.
        attempts: The body of each attempt.
    """

    def __init__(self, folder: Path) -> None:
        self.authority = folder / "response-url-ca.pem"
        self.script: list[int | str | Callable[[], object]] = []
        self.responses: list[dict[str, Any]] = []
        self.attempts: list[bytes] = []
        self._stopped = threading.Event()
        issued = issue_server_certificate()
        self.authority.write_bytes(issued.authority)
        self._chain = folder / "response-url.pem"
        self._chain.touch(0o600)
        self._chain.write_bytes(issued.private_key + issued.certificate)

    def __enter__(self) -> Self:
        fake = self

        class RequestHandler(BaseHTTPRequestHandler):
            def log_message(self, *_: Any) -> None: ...

            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                fake.attempts.append(body)
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
                    fake.responses.append(json.loads(body))
                self.send_response(int(outcome))
                if 300 <= int(outcome) < 400:
                    self.send_header("Location", fake.url("redirected"))
                self.send_header("Content-Length", "0")
                self.end_headers()

        self._server = _Server(("127.0.0.1", 0), RequestHandler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._chain)
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        threading.Thread(target=self._server.serve_forever, args=(0.005,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._server.shutdown()
        self._server.server_close()

    def url(self, name: str = "response", age: float = 0.0) -> str:
        """Return a ResponseURL that was signed `age` seconds ago and is valid for two hours."""
        signed = datetime.now(UTC) - timedelta(seconds=age)
        return (
            f"https://127.0.0.1:{self._server.server_port}/{name}?X-Amz-Algorithm=AWS4-HMAC-SHA256"
            f"&X-Amz-Date={signed:%Y%m%dT%H%M%SZ}&X-Amz-Expires=7200&{SIGNATURE}"
        )
