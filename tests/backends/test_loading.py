"""trusted_clients.py brings certificates from SSM into running servers.

What each server does with a client is read from the table of docs/how-to/trust.md.
"""

from pathlib import Path

import pytest

from demo.servers import COMMANDS, Server
from local_aws import LocalAws
from tests.backends.clients import ACCEPTED, CLIENTS, Clients, documented, eventually, get
from tests.backends.servers import serve

PARAMETER = "/orders/trusted-clients"

# Each differs from the one before in what it accepts, so that a server's reload can be seen.
BUNDLES = ["A", "A+B", "B", "B+A", "A", "expired+B+A", "B+expired", "A+B+expired"]


@pytest.mark.parametrize("backend", COMMANDS)
def test_server_accepts_what_the_parameter_contains(
    aws: LocalAws, clients: Clients, backend: str
) -> None:
    """Load the old certificate, the new one, both in either order, and an expired one too."""
    refusals = documented("foreign", "none", "expired")[backend]
    assert ACCEPTED not in refusals
    foreign, none, expired = refusals
    with serve(backend, clients.bundle("foreign"), clients.server) as server:
        for bundle in BUNDLES:
            trusted = bundle.split("+")
            expected = {
                "A": ACCEPTED if "A" in trusted else foreign,
                "B": ACCEPTED if "B" in trusted else foreign,
                "foreign": foreign,
                "none": none,
                "expired": expired,
            }
            publish(aws, clients.bundle(bundle))
            load(aws, server)
            eventually(
                lambda: {client: clients.call(server.port, client) for client in CLIENTS},
                expected,
            )


@pytest.mark.parametrize("backend", COMMANDS)
def test_removed_certificate_cannot_resume_its_session(
    aws: LocalAws, clients: Clients, backend: str
) -> None:
    [refused] = documented("foreign")[backend]
    with serve(backend, clients.bundle("A"), clients.server) as server:
        context = clients.context("A")
        outcome, session, _ = get(server.port, "/", context, None)
        assert outcome == ACCEPTED
        assert get(server.port, "/", context, session)[2], "the session can be resumed"
        publish(aws, clients.bundle("B"))
        load(aws, server)
        eventually(lambda: get(server.port, "/", context, session)[0], refused)


@pytest.mark.parametrize("value", ["None", "cut off"])
def test_invalid_parameter_leaves_the_server_as_it_is(
    aws: LocalAws, clients: Clients, value: str
) -> None:
    with serve("Python", clients.bundle("A+B"), clients.server) as server:
        publish(aws, clients.bundle("A+B")[:-100] if value == "cut off" else value)
        assert_keeps_its_trust(server, aws, clients, "are complete: get the bundle again")


def test_missing_parameter_leaves_the_server_as_it_is(aws: LocalAws, clients: Clients) -> None:
    with serve("Python", clients.bundle("A+B"), clients.server) as server:
        delete(aws)
        assert_keeps_its_trust(server, aws, clients, "ParameterNotFound")


def test_unreachable_service_leaves_the_server_as_it_is(aws: LocalAws, clients: Clients) -> None:
    publish(aws, clients.bundle("B"))
    with serve("Python", clients.bundle("A+B"), clients.server) as server:
        nowhere = {"AWS_ENDPOINT_URL": "https://localhost:1", "AWS_MAX_ATTEMPTS": "1"}
        assert_keeps_its_trust(server, aws, clients, "Could not connect", **nowhere)


def assert_keeps_its_trust(
    server: Server, aws: LocalAws, clients: Clients, cause: str, **variables: str
) -> None:
    before = files(server.folder)
    environment = {**aws.environment, **variables}
    result = server.load(PARAMETER, environment=environment, reload="touch reloaded")
    assert result.returncode == 1
    assert f"no certificates from {PARAMETER}, so the server keeps the ones it has: " in (
        result.stderr
    )
    assert cause in result.stderr
    assert files(server.folder) == before
    assert clients.call(server.port, "A") == clients.call(server.port, "B") == ACCEPTED


def test_reloads_only_after_a_change(aws: LocalAws, clients: Clients, tmp_path: Path) -> None:
    server = Server("Python", tmp_path, 0, "echo reloaded >> reloads")
    reloads = tmp_path / "reloads"
    publish(aws, clients.bundle("A"))
    load(aws, server)
    # The same certificates with other line breaks.
    publish(aws, clients.bundle("A").replace("\r\n", "\n") + "\n")
    assert load(aws, server) == ""
    assert reloads.read_text() == "reloaded\n"
    publish(aws, clients.bundle("A+B"))
    assert load(aws, server) == "loaded 2 certificates\n"
    assert reloads.read_text() == "reloaded\nreloaded\n"


def test_repeats_a_failed_reload(aws: LocalAws, clients: Clients, tmp_path: Path) -> None:
    server = Server("Python", tmp_path, 0, "echo reloaded >> reloads")
    publish(aws, clients.bundle("A"))
    failed = server.load(PARAMETER, environment=aws.environment, reload="false")
    assert failed.returncode == 1
    assert failed.stderr.startswith("the server has not loaded the certificates, so run this again")
    load(aws, server)
    assert (tmp_path / "reloads").read_text() == "reloaded\n"


def test_restores_a_damaged_file(aws: LocalAws, clients: Clients, tmp_path: Path) -> None:
    server = Server("nginx", tmp_path, 0, "echo reloaded >> reloads")
    publish(aws, clients.bundle("A"))
    load(aws, server)
    before = files(tmp_path)
    (tmp_path / "trusted-clients.map").write_text("")
    load(aws, server)
    assert files(tmp_path) == {**before, "reloads": "reloaded\nreloaded\n"}


def test_puts_parameters_together(aws: LocalAws, clients: Clients, tmp_path: Path) -> None:
    """Each ClientCertificate publishes its own PEM: while one replaces another, both are needed."""
    for name in "AB":
        publish(aws, clients.bundle(name), f"/orders/{name}")
    server = Server("Python", tmp_path, 0, "true")
    result = server.load("/orders/A", "/orders/B", environment=aws.environment)
    assert result.stdout == "loaded 2 certificates\n"


@pytest.mark.parametrize("backend", ["Python", "Node.js", "Go"])
def test_server_keeps_its_trust_when_its_file_is_damaged(clients: Clients, backend: str) -> None:
    """The other servers check their files before a reload."""
    with serve(backend, clients.bundle("A"), clients.server) as server:
        (server.folder / "trusted-clients.pem").write_text("damaged")
        server.run_reload()
        log = server.folder / "log"
        eventually(lambda: "the files were not loaded: " in log.read_text(), True)
        assert clients.call(server.port, "A") == ACCEPTED
        assert clients.call(server.port, "B") != ACCEPTED


def publish(aws: LocalAws, value: str, name: str = PARAMETER) -> None:
    aws.client("ssm").put_parameter(Name=name, Value=value, Type="String", Overwrite=True)


def delete(aws: LocalAws) -> None:
    aws.client("ssm").delete_parameters(Names=[PARAMETER])


def load(aws: LocalAws, server: Server) -> str:
    """Load the parameter into a server and return what the script prints."""
    result = server.load(PARAMETER, environment=aws.environment)
    assert result.returncode == 0, result.stderr
    return result.stdout


def files(folder: Path) -> dict[str, str]:
    return {
        path.name: path.read_text()
        for path in folder.iterdir()
        if path.name.startswith("trusted-clients") or path.name in ("reloads", "reloaded")
    }
