"""A Python server that accepts the API Gateway client certificates in a PEM file and no others.

python server.py trusted-clients.pem server.pem server.key [port]

It loads the files again on SIGHUP. trusted_clients.py writes the PEM file;
docs/how-to/trust.md explains it.
"""

import signal
import socket
import ssl
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

trusted, certificate, key, *port = sys.argv[1:]


def load_files() -> ssl.SSLContext:
    """Return a context that accepts the certificates in the file."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(trusted)
    # Without it, only one of several certificates with the same name is accepted.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


class Server(ThreadingHTTPServer):
    """Accepts connections over TLS."""

    context = load_files()

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        """Leave the handshake to the connection's thread, so that a slow client delays no other."""
        connection, address = super().get_request()
        secure = self.context.wrap_socket(
            connection, server_side=True, do_handshake_on_connect=False
        )
        return secure, address

    def reload(self) -> None:
        """Load the files again. If that fails, keep the certificates that were loaded before."""
        try:
            # A new context, since a context cannot stop trusting a certificate.
            self.context = load_files()
        except OSError as error:
            print(f"the files were not loaded: {error}", file=sys.stderr)


class Hello(BaseHTTPRequestHandler):
    """Responds to clients that completed the TLS handshake."""

    def do_GET(self) -> None:
        """Respond to any path."""
        body = b"hello, API Gateway\n"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


server = Server(("127.0.0.1", int(port[0]) if port else 8443), Hello)
signal.signal(signal.SIGHUP, lambda *_: server.reload())
server.serve_forever()
