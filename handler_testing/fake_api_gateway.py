"""A fake API Gateway: local_aws's client certificates over HTTP, with faults that tests inject."""

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any, Self
from urllib.parse import parse_qs

from handler_testing import api_errors
from handler_testing.fake_server import FakeServer, reset
from local_aws.client_certificates import ClientCertificates
from local_aws.responses import Response, json_response


@dataclass
class InjectedFault:
    """A fault for the next requests with this method and path.

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
                    return reset(self.connection)
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

        self._server = FakeServer(("127.0.0.1", 0), RequestHandler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._server.stop()

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
            return json_response(200, {"item": _stage_items(self.stages[match[1]])})
        if method == "GET" and path == "/v2/apis":
            apis = [{"apiId": api, "protocolType": "WEBSOCKET"} for api in self.websocket_stages]
            return json_response(
                200, {"items": [{"apiId": "http1", "protocolType": "HTTP"}, *apis]}
            )
        if method == "GET" and (match := re.fullmatch(r"/v2/apis/(\w+)/stages", path)):
            return json_response(200, {"items": _stage_items(self.websocket_stages[match[1]])})
        return api_errors.error(404, "NotFoundException", f"no such path: {path}")

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
        return json_response(200, {"item": apis[start:end], **position})

    def _limit(self, query: dict[str, list[str]]) -> int:
        return min(self.max_page_size, int(query.get("limit", ["25"])[0]))


def _stage_items(stages: dict[str, str]) -> list[dict[str, str]]:
    return [{"stageName": name, "clientCertificateId": id} for name, id in stages.items()]
