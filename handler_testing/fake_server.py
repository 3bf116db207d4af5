"""The HTTP server of the fakes."""

import socket
import struct
import threading
from http.server import ThreadingHTTPServer
from typing import Any


class FakeServer(ThreadingHTTPServer):
    """A server whose threads end with the process."""

    daemon_threads = True
    request_queue_size = 128

    def start(self) -> None:
        """Serve requests in a thread of this process."""
        threading.Thread(target=self.serve_forever, args=(0.005,), daemon=True).start()

    def stop(self) -> None:
        """Stop serving and close the socket."""
        self.shutdown()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that hang up: some tests kill the client on purpose."""


def reset(connection: socket.socket) -> None:
    """Close the connection so that the client sees a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
