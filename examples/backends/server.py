"""A Python server that accepts the API Gateway client certificates in a PEM file and no others.

python server.py trusted-clients.pem server.pem server.key [port]

trusted_clients.py writes the PEM file; docs/trust.md explains it.
"""

import ssl
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Hello(BaseHTTPRequestHandler):
    """Greets whoever completed the TLS handshake."""

    def do_GET(self) -> None:
        """Respond to any path."""
        body = b"hello, API Gateway\n"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


trusted, certificate, key, *port = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
context.verify_mode = ssl.CERT_REQUIRED
context.load_verify_locations(trusted)
# Without it, only one of several certificates with the same name is accepted.
context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN

server = ThreadingHTTPServer(("127.0.0.1", int(port[0]) if port else 8443), Hello)
# The handshake is left to the thread of each connection, so that a slow client delays no other.
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
server.serve_forever()
