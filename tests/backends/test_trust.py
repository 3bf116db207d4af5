"""Compare docs/how-to/trust.md with the servers and their usual settings.

test_loading.py tests the settings of the examples.
"""

import subprocess

import pytest

from demo.servers import COMMANDS
from tests.backends.clients import ACCEPTED, Clients, documented
from tests.backends.servers import program, serve


def test_every_backend_is_documented() -> None:
    assert list(documented("foreign")) == list(documented("`A+B` accepts")) == list(COMMANDS)


# The usual settings of each server, as edits of its example.
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
    """Show why the examples are needed. If this fails, a server has changed: update the page."""
    [expected] = documented(f"`{bundle}` accepts")[backend]
    edits = USUAL_SETTINGS[backend]
    with serve(backend, clients.bundle(bundle), clients.server, edits) as server:
        accepted = [client for client in "AB" if clients.call(server.port, client) == ACCEPTED]
    assert " and ".join(accepted) == expected


UNRESTRICTED_SECTIONS = {
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


@pytest.mark.parametrize("backend", UNRESTRICTED_SECTIONS)
def test_no_other_section_disables_the_check(clients: Clients, backend: str) -> None:
    edits = UNRESTRICTED_SECTIONS[backend]
    with serve(backend, clients.bundle("A+B"), clients.server, edits) as server:
        assert clients.call(server.port, "A", "/open") == ACCEPTED
        for client in ("foreign", "none"):
            assert clients.call(server.port, client, "/open") == "403"


@pytest.mark.parametrize("backend", [name for name in COMMANDS if name != "Python"])
def test_handshake_names_the_accepted_certificates(clients: Clients, backend: str) -> None:
    """Some clients present a certificate only if the server names it, which Python cannot do."""
    openssl = program("openssl", "openssl")
    with serve(backend, clients.bundle("A+B"), clients.server) as server:
        command = [
            openssl,
            "s_client",
            "-connect",
            f"127.0.0.1:{server.port}",
            "-nameopt",
            "RFC2253",
        ]
        result = subprocess.run(command, input="", capture_output=True, text=True)
    [_, names] = result.stdout.split("Acceptable client certificate CA names\n")
    assert names.startswith("CN=ApiGateway,L=Seattle,C=US\n")


def test_apache_keeps_the_denials_of_other_sections(clients: Clients) -> None:
    with serve("Apache", clients.bundle("A+B"), clients.server) as server:
        assert clients.call(server.port, "A", "/.htaccess") == "403"
