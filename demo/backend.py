"""A backend that trusts one client certificate and nothing else, and a REST API in front of it."""

import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from local_aws.settings import issue_server_certificate

GREETING = b"hello, API Gateway"


class Backend:
    """A TLS server on loopback that requires the client certificate `trusted_pem`.

    `certificate` and `private_key`: files of the server's own, made for localhost.
    """

    def __init__(self, certificate: Path, private_key: Path, trusted_pem: str) -> None:
        self._certificate, self._private_key = certificate, private_key
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self.trust(trusted_pem)
        self.url = f"https://localhost:{self._server.server_port}/"

    def trust(self, pem: str) -> None:
        """From now on, trust this certificate and no other."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._certificate, self._private_key)
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=pem)
        self._server.context = context

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    context: ssl.SSLContext

    def get_request(self) -> tuple[ssl.SSLSocket, Any]:
        """The handshake happens in the request's own thread: a refused client holds up nobody."""
        connection, address = super().get_request()
        return self.context.wrap_socket(
            connection, server_side=True, do_handshake_on_connect=False
        ), address

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


def server_certificate(folder: Path) -> tuple[Path, Path, Path]:
    """Files for a backend on localhost: the CA to trust, a certificate and its private key."""
    issued = issue_server_certificate()
    paths = folder / "authority.pem", folder / "backend.pem", folder / "backend.key"
    for path, content in zip(
        paths, (issued.authority, issued.certificate, issued.private_key), strict=True
    ):
        path.touch(mode=0o600)
        path.write_bytes(content)
    return paths


def rest_api(gateway: Any, url: str, stages: dict[str, str | None]) -> str:
    """An API whose root passes on to the URL, with stages that present these certificates."""
    api_id: str = gateway.create_rest_api(name="backend")["id"]
    root = gateway.get_resources(restApiId=api_id)["items"][0]["id"]
    method = {"restApiId": api_id, "resourceId": root, "httpMethod": "GET"}
    gateway.put_method(**method, authorizationType="NONE")
    gateway.put_integration(**method, type="HTTP_PROXY", integrationHttpMethod="GET", uri=url)
    deployment = gateway.create_deployment(restApiId=api_id)["id"]
    for name, certificate_id in stages.items():
        gateway.create_stage(restApiId=api_id, stageName=name, deploymentId=deployment)
        if certificate_id:
            # CreateStage does not take the certificate; UpdateStage does.
            change = {"op": "replace", "path": "/clientCertificateId", "value": certificate_id}
            gateway.update_stage(restApiId=api_id, stageName=name, patchOperations=[change])
    return api_id
