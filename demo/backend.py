"""A backend that trusts one client certificate and nothing else."""

import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

GREETING = b"hello, API Gateway"


class Backend:
    """A TLS server on loopback that requires the client certificate `trusted_pem`.

    `certificate` and `private_key`: files of the server's own, made for localhost.
    """

    def __init__(self, certificate: Path, private_key: Path, trusted_pem: str) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, private_key)
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=trusted_pem)
        self._server = _Server(("127.0.0.1", 0), _Handler)
        # The handshake happens in a request's own thread, which a refused client cannot hold up.
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self.url = f"https://localhost:{self._server.server_port}/"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A refused client is what this server is for."""


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(GREETING)))
        self.end_headers()
        self.wfile.write(GREETING)

    def log_message(self, *_: Any) -> None:
        """The demo tells what happened."""
