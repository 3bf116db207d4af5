"""Each example backend accepts two generations of the certificate, and no other client.

What each server does stands in the tables of docs/trust.md, which these tests read.
"""

import http.client
import itertools
import socket
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from demo.backend import server_certificate
from local_aws.issuing import VALIDITY, issue_certificate
from tests.backends.servers import COMMANDS, GREETING, program, serve

DOCUMENT = (Path(__file__).parents[2] / "docs" / "trust.md").read_text()

# What a client sees. A refusal is the status of a response, or a connection that is closed during
# the handshake or right after it.
ACCEPTED, CLOSED = "accepted", "closed"

BUNDLES = ["A+B", "B+A", "expired+A+B", "A+B+expired"]
CLIENTS = ["A", "B", "foreign", "none", "expired"]


@dataclass(frozen=True)
class Clients:
    """Client certificates that all have the same name, and what the servers present."""

    folder: Path
    pems: dict[str, str]
    authority: Path
    server: tuple[Path, Path]

    def bundle(self, names: str) -> str:
        """Join PEMs with no line break between them: the worst that a bundle can look like."""
        return "".join(self.pems[name] for name in names.split("+"))

    def call(self, port: int, client: str, path: str = "/") -> str:
        """Return what a client sees: in TLS 1.2 and 1.3, in new and in resumed sessions alike."""
        seen = set()
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.MAXIMUM_SUPPORTED):
            context = ssl.create_default_context(cafile=self.authority)
            context.maximum_version = version
            if client != "none":
                pem, key = (self.folder / f"{client}.{suffix}" for suffix in ("pem", "key"))
                context.load_cert_chain(pem, key)
            session = None
            for _ in range(2):
                outcome, session = _get(port, path, context, session)
                seen.add(outcome)
        [only] = seen
        return only


def _get(
    port: int, path: str, context: ssl.SSLContext, session: ssl.SSLSession | None
) -> tuple[str, ssl.SSLSession | None]:
    connection = http.client.HTTPSConnection("localhost", port)
    try:
        connection.sock = secure = context.wrap_socket(
            socket.create_connection(("127.0.0.1", port), timeout=10),
            server_hostname="localhost",
            session=session,
        )
        connection.request("GET", path)
        response = connection.getresponse()
        accepted = (response.status, response.read()) == (200, GREETING)
        assert session is None or secure.session_reused
        return (ACCEPTED if accepted else str(response.status)), secure.session
    except (ssl.SSLError, ConnectionError):
        return CLOSED, None
    finally:
        connection.close()


def documented(*columns: str) -> dict[str, list[str]]:
    """Return the cells of the table that has these columns, by the server that a row names."""
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


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Clients:
    folder = tmp_path_factory.mktemp("clients")
    authority, certificate, key = server_certificate(folder)
    long_ago = datetime.now(UTC) - VALIDITY - timedelta(minutes=1)
    pems = {}
    for name in ("A", "B", "foreign", "expired"):
        pems[name], private_key, _ = issue_certificate(long_ago if name == "expired" else None)
        (folder / f"{name}.pem").write_text(pems[name])
        (folder / f"{name}.key").write_text(private_key)
    return Clients(folder, pems, authority, (certificate, key))


@pytest.fixture(
    scope="module",
    params=itertools.product(COMMANDS, BUNDLES),
    ids=lambda parameters: "-".join(parameters),
)
def server(request: pytest.FixtureRequest, clients: Clients) -> Iterator[tuple[str, int]]:
    """An example backend that trusts a bundle: its name and port."""
    backend, bundle = request.param
    with serve(backend, clients.bundle(bundle), clients.server) as port:
        yield backend, port


@pytest.mark.parametrize("client", CLIENTS)
def test_accepts_both_generations_and_no_other_client(
    clients: Clients, server: tuple[str, int], client: str
) -> None:
    backend, port = server
    refusals = documented("foreign", "none", "expired")[backend]
    assert ACCEPTED not in refusals
    expected = dict(zip(CLIENTS, [ACCEPTED, ACCEPTED, *refusals], strict=True))
    assert clients.call(port, client) == expected[client]


def test_every_backend_is_documented() -> None:
    assert list(documented("foreign")) == list(documented("`A+B` accepts")) == list(COMMANDS)


# How each server is usually told to trust a bundle, as edits of its example.
USUAL_SETTINGS = {
    "nginx": {"ssl_verify_client       optional_no_ca;": "ssl_verify_client on;"},
    "Apache": {"SSLVerifyClient       optional_no_ca": "SSLVerifyClient require"},
    "HAProxy": {" crt-ignore-err 18": ""},
    "Python": {"context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN": ""},
    "Node.js": {"rejectUnauthorized: false": "rejectUnauthorized: true"},
    "Go": {},
}


@pytest.mark.parametrize("bundle", ["A+B", "B+A"])
@pytest.mark.parametrize("backend", USUAL_SETTINGS)
def test_usual_settings_accept_what_is_documented(
    clients: Clients, backend: str, bundle: str
) -> None:
    """The reason for the examples. If this fails, a server has changed: revise docs/trust.md."""
    [expected] = documented(f"`{bundle}` accepts")[backend]
    edits = USUAL_SETTINGS[backend]
    with serve(backend, clients.bundle(bundle), clients.server, edits) as port:
        accepted = [client for client in "AB" if clients.call(port, client) == ACCEPTED]
    assert " and ".join(accepted) == expected


SECTIONS_FOR_EVERYBODY = {
    "nginx": {
        "location / {": """
            location /open {
                allow all;
                return 200 'hello, API Gateway\n';
            }
            location / {
        """
    },
    "Apache": {
        "</VirtualHost>": """
            <Location "/open">
                Require all granted
                FallbackResource /index.html
            </Location>
            </VirtualHost>
        """
    },
}


@pytest.mark.parametrize("backend", SECTIONS_FOR_EVERYBODY)
def test_no_other_section_lifts_the_check(clients: Clients, backend: str) -> None:
    edits = SECTIONS_FOR_EVERYBODY[backend]
    with serve(backend, clients.bundle("A+B"), clients.server, edits) as port:
        assert clients.call(port, "A", "/open") == ACCEPTED
        for client in ("foreign", "none"):
            assert clients.call(port, client, "/open") == "403"


@pytest.mark.parametrize("backend", [name for name in COMMANDS if name != "Python"])
def test_handshake_names_the_accepted_certificates(clients: Clients, backend: str) -> None:
    """A client may present its certificate only if the server names it. Python cannot."""
    openssl = program("openssl", "openssl")
    with serve(backend, clients.bundle("A+B"), clients.server) as port:
        command = [openssl, "s_client", "-connect", f"127.0.0.1:{port}", "-nameopt", "RFC2253"]
        result = subprocess.run(command, input="", capture_output=True, text=True)
    [_, names] = result.stdout.split("Acceptable client certificate CA names\n")
    assert names.startswith("CN=ApiGateway,L=Seattle,C=US\n")


def test_apache_keeps_what_other_sections_deny(clients: Clients) -> None:
    with serve("Apache", clients.bundle("A+B"), clients.server) as port:
        assert clients.call(port, "A", "/.htaccess") == "403"
