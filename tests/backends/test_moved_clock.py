"""Move the clock of running servers, as the rotation demo does."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from demo.moved_clock import MovedClock
from local_aws.issuing import VALIDITY, issue_certificate
from tests.backends.clients import ACCEPTED, Clients, eventually, issue_clients
from tests.backends.servers import missing_programs_skip, serve

NOW = datetime.now(UTC)
ISSUED = NOW + timedelta(days=305)


@pytest.fixture(scope="module")
def future(tmp_path_factory: pytest.TempPathFactory) -> Clients:
    """Clients whose certificate A is issued next year."""
    clients = issue_clients(tmp_path_factory.mktemp("future"))
    clients.pems["A"], key, _ = issue_certificate(ISSUED)
    (clients.folder / "A.pem").write_text(clients.pems["A"])
    (clients.folder / "A.key").write_text(key)
    return clients


@pytest.fixture
def clock() -> Iterator[MovedClock]:
    with missing_programs_skip():
        moved = MovedClock()
    with moved:
        yield moved


@pytest.mark.parametrize("backend", ["nginx", "Python", "Node.js"])
def test_running_server_follows_the_clock(clock: MovedClock, future: Clients, backend: str) -> None:
    bundle, environment = future.bundle("A+B"), clock.environment
    with serve(backend, bundle, future.server, environment=environment) as server:
        assert future.call(server.port, "A") != ACCEPTED
        assert future.call(server.port, "B") == ACCEPTED
        clock.set(ISSUED + timedelta(seconds=1))
        assert future.call(server.port, "A") == future.call(server.port, "B") == ACCEPTED
        clock.set(NOW + VALIDITY + timedelta(days=1))
        assert future.call(server.port, "A") == ACCEPTED
        assert future.call(server.port, "B") != ACCEPTED


@pytest.mark.parametrize("backend", ["nginx", "Python", "Node.js"])
def test_server_reloads_after_its_clock_has_moved(
    clock: MovedClock, future: Clients, backend: str
) -> None:
    bundle, environment = future.bundle("B"), clock.environment
    with serve(backend, bundle, future.server, environment=environment) as server:
        clock.set(ISSUED + timedelta(days=1))
        server.load("-", environment=os.environ, bundle=future.bundle("A")).check_returncode()
        eventually(lambda: future.call(server.port, "A"), ACCEPTED)
        eventually(lambda: future.call(server.port, "B") != ACCEPTED, True)


def test_names_a_missing_library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("demo.moved_clock._FOLDERS", [tmp_path])
    with pytest.raises(Exception, match="apt install faketime"):
        MovedClock()
