"""A fake CloudFormation, which receives responses at an HTTPS ResponseURL."""

import json
import ssl
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, Self

from handler_testing.fake_server import FakeServer, reset
from local_aws.settings import issue_server_certificate

SIGNATURE = "X-Amz-Signature=5ec4e75ec4e75ec4e7"
"""Part of each ResponseURL. No log line and no error may contain it."""


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
                    return reset(self.connection)
                if outcome == "reset":
                    return reset(self.connection)
                if outcome == 200:
                    assert len(body) <= 4096
                    assert not self.headers.get("Content-Type"), "not part of the signature"
                    fake.responses.append(json.loads(body))
                self.send_response(int(outcome))
                if 300 <= int(outcome) < 400:
                    self.send_header("Location", fake.url("redirected"))
                self.send_header("Content-Length", "0")
                self.end_headers()

        self._server = FakeServer(("127.0.0.1", 0), RequestHandler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._chain)
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._server.stop()

    def url(self, name: str = "response", age: float = 0.0) -> str:
        """Return a ResponseURL that was signed `age` seconds ago and is valid for two hours."""
        signed = datetime.now(UTC) - timedelta(seconds=age)
        return (
            f"https://127.0.0.1:{self._server.server_port}/{name}?X-Amz-Algorithm=AWS4-HMAC-SHA256"
            f"&X-Amz-Date={signed:%Y%m%dT%H%M%SZ}&X-Amz-Expires=7200&{SIGNATURE}"
        )
