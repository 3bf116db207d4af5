"""Backends that load the certificates to trust from an SSM parameter while they run."""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from local_aws import LocalAws
from local_aws.issuing import issue_certificate

from .moved_clock import MovedClock
from .servers import MissingProgramError, Server, serve


class BackendError(Exception):
    """A backend could not load the parameter. The message is one line."""


class ReloadingBackends:
    """A context manager that runs servers of examples/backends, which share a clock.

    Until `load` is called, they trust nobody.

    Args:
        aws: The account with the parameter.
        parameter: The parameter's name.
        names: The servers, as in `servers.COMMANDS`.
        server_certificate: The servers' own certificate and its private key.
        clock: Their clock.

    Attributes:
        servers: The servers that run, by their names.
        missing: Why the other ones do not run.
    """

    def __init__(
        self,
        aws: LocalAws,
        parameter: str,
        names: Iterable[str],
        server_certificate: tuple[Path, Path],
        clock: MovedClock,
    ) -> None:
        self._aws, self._parameter, self._names = aws, parameter, list(names)
        self._server_certificate, self._clock = server_certificate, clock
        self.servers: Mapping[str, Server] = {}
        self.missing: list[str] = []

    def load(self, names: Iterable[str] | None = None) -> None:
        """Have servers load the parameter, all of them if none are named.

        Raises:
            BackendError: A server could not load it.
        """
        servers = [self.servers[name] for name in self.servers if names is None or name in names]
        with ThreadPoolExecutor() as pool:
            list(pool.map(self._load, servers))

    def _load(self, server: Server) -> None:
        result = server.load(self._parameter, environment=self._aws.environment)
        if result.returncode != 0:
            raise BackendError(f"{server.name}: {result.stderr.strip().splitlines()[-1]}")

    def __enter__(self) -> Self:
        nobody, _, _ = issue_certificate()
        with ExitStack() as stack:
            servers = {}
            for name in self._names:
                running = serve(
                    name, nobody, self._server_certificate, environment=self._clock.environment
                )
                try:
                    servers[name] = stack.enter_context(running)
                except MissingProgramError as error:
                    self.missing.append(str(error))
            self.servers = servers
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: Any) -> None:
        # Pass the error on: Ctrl-C ends the servers too, and is what has to be reported then.
        self._stack.__exit__(*error)
