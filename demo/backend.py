"""A backend that trusts a single client certificate, and a REST API that calls it."""

import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from local_aws.settings import issue_server_certificate

GREETING = b"hello, API Gateway"


class Backend:
    """A context manager that runs a TLS server on loopback, which requires a client certificate.

    Args:
        certificate: The PEM file of the server's certificate, issued for localhost.
        private_key: The PEM file of the server's private key.
        trusted_pem: The only client certificate that the server accepts.
    """

    def __init__(self, certificate: Path, private_key: Path, trusted_pem: str) -> None:
        self._certificate, self._private_key = certificate, private_key
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self.trust(trusted_pem)
        self.url = f"https://localhost:{self._server.server_port}/"

    def trust(self, pem: str) -> None:
        """Trust this client certificate instead of the current one."""
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
        """Leave the handshake to the request's thread, so that a client cannot block the others."""
        connection, address = super().get_request()
        return self.context.wrap_socket(
            connection, server_side=True, do_handshake_on_connect=False
        ), address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print no traceback: rejecting clients is expected."""


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(GREETING)))
        self.end_headers()
        self.wfile.write(GREETING)

    def log_message(self, *_: Any) -> None:
        """Print nothing: the demo reports what happens."""


def server_certificate(folder: Path) -> tuple[Path, Path, Path]:
    """Write a CA, a certificate for localhost and its private key, and return their paths."""
    issued = issue_server_certificate()
    paths = folder / "authority.pem", folder / "backend.pem", folder / "backend.key"
    for path, content in zip(
        paths, (issued.authority, issued.certificate, issued.private_key), strict=True
    ):
        path.touch(mode=0o600)
        path.write_bytes(content)
    return paths


def rest_api(gateway: Any, url: str, stages: dict[str, str | None]) -> str:
    """Create a REST API that forwards GET requests to a URL, and return its ID.

    Args:
        gateway: A boto3 client.
        url: The URL of the backend.
        stages: The client certificate ID that each stage presents, or None, by stage name.
    """
    api_id: str = gateway.create_rest_api(name="backend")["id"]
    root = gateway.get_resources(restApiId=api_id)["items"][0]["id"]
    method = {"restApiId": api_id, "resourceId": root, "httpMethod": "GET"}
    gateway.put_method(**method, authorizationType="NONE")
    gateway.put_integration(**method, type="HTTP_PROXY", integrationHttpMethod="GET", uri=url)
    deployment = gateway.create_deployment(restApiId=api_id)["id"]
    for name, certificate_id in stages.items():
        gateway.create_stage(restApiId=api_id, stageName=name, deploymentId=deployment)
        if certificate_id:
            # Only UpdateStage can set the certificate, not CreateStage.
            change = {"op": "replace", "path": "/clientCertificateId", "value": certificate_id}
            gateway.update_stage(restApiId=api_id, stageName=name, patchOperations=[change])
    return api_id
