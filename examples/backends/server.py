"""A Python server that trusts one API Gateway client certificate and nothing else.

python server.py trusted-client.pem server.pem server.key [port]
"""

import ssl
import sys
from http.server import HTTPServer, SimpleHTTPRequestHandler

trusted, certificate, key, *port = sys.argv[1:]
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(certificate, key)
context.verify_mode = ssl.CERT_REQUIRED
context.load_verify_locations(trusted)

server = HTTPServer(("127.0.0.1", int(port[0]) if port else 8443), SimpleHTTPRequestHandler)
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
