"""Clients that the servers accept or refuse, as docs/how-to/trust.md documents."""

import http.client
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from demo.backend import server_certificate
from demo.servers import GREETING
from local_aws.issuing import VALIDITY, issue_certificate

DOCUMENT = (Path(__file__).parents[2] / "docs" / "how-to" / "trust.md").read_text()

# Outcomes of a request. A refusal is an HTTP status, or a connection that the server closes during
# the handshake or right after it.
ACCEPTED, CLOSED = "accepted", "closed"

CLIENTS = ["A", "B", "foreign", "none", "expired"]


@dataclass(frozen=True)
class Clients:
    """Client certificates with the same name, and the servers' own certificate and CA."""

    folder: Path
    pems: dict[str, str]
    authority: Path
    server: tuple[Path, Path]

    def bundle(self, names: str) -> str:
        """Concatenate PEMs without line breaks between them, which is the worst case."""
        return "".join(self.pems[name] for name in names.split("+"))

    def call(self, port: int, client: str, path: str = "/") -> str:
        """Return the outcome, which must not depend on the TLS version or on resumption."""
        seen = set()
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.MAXIMUM_SUPPORTED):
            context = self.context(client)
            context.maximum_version = version
            outcome, session, _ = get(port, path, context, None)
            seen.add(outcome)
            outcome, _, resumed = get(port, path, context, session)
            seen.add(outcome)
            assert resumed or outcome == CLOSED
        [only] = seen
        return only

    def context(self, client: str) -> ssl.SSLContext:
        """Return the TLS context of a client."""
        context = ssl.create_default_context(cafile=self.authority)
        if client != "none":
            pem, key = (self.folder / f"{client}.{suffix}" for suffix in ("pem", "key"))
            context.load_cert_chain(pem, key)
        return context


def get(
    port: int, path: str, context: ssl.SSLContext, session: ssl.SSLSession | None
) -> tuple[str, ssl.SSLSession | None, bool]:
    """Return the outcome, the new session, and whether it resumes the given one."""
    connection = http.client.HTTPSConnection("localhost", port)
    try:
        connection.sock = secure = context.wrap_socket(
            socket.create_connection(("127.0.0.1", port), timeout=10),
            server_hostname="localhost",
            session=session,
        )
        resumed = bool(secure.session_reused)
        connection.request("GET", path)
        response = connection.getresponse()
        session = secure.session  # read now: it is lost if the server closes the connection
        accepted = (response.status, response.read()) == (200, GREETING)
        outcome = ACCEPTED if accepted else str(response.status)
        return outcome, session, resumed
    except (ssl.SSLError, ConnectionError):
        return CLOSED, None, False
    finally:
        connection.close()


def documented(*columns: str) -> dict[str, list[str]]:
    """Return the cells of these columns from the page's table, by server."""
    [table] = [
        rows
        for block in DOCUMENT.split("\n\n")
        if (rows := [[cell.strip() for cell in row.split("|")[1:-1]] for row in block.split("\n")])
        and set(columns) <= set(rows[0])
    ]
    header, _, *rows = table
    return {
        row[0].rsplit(" ", 1)[0]: [row[header.index(column)] for column in columns] for row in rows
    }


def issue_clients(folder: Path) -> Clients:
    """Issue all certificates into a folder."""
    authority, certificate, key = server_certificate(folder)
    long_ago = datetime.now(UTC) - VALIDITY - timedelta(minutes=1)
    pems = {}
    for name in ("A", "B", "foreign", "expired"):
        pems[name], private_key, _ = issue_certificate(long_ago if name == "expired" else None)
        (folder / f"{name}.pem").write_text(pems[name])
        (folder / f"{name}.key").write_text(private_key)
    return Clients(folder, pems, authority, (certificate, key))


def eventually(see: Callable[[], object], expected: object) -> None:
    """Wait until a server has reloaded, because the reload command does not wait."""
    deadline = time.monotonic() + 20
    while True:
        try:
            seen = see()
        except (AssertionError, ValueError):  # half of the server's workers have reloaded
            if time.monotonic() > deadline:
                raise
        else:
            if seen == expected or time.monotonic() > deadline:
                break
        time.sleep(0.05)
    assert seen == expected
