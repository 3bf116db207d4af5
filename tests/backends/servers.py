"""The servers of examples/backends, in tests: one that is not installed skips its tests."""

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from demo import servers
from demo.servers import Server


@contextmanager
def serve(
    name: str,
    bundle: str,
    server_certificate: tuple[Path, Path],
    edits: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """Run a server, or skip the test."""
    with ExitStack() as stack:
        with missing_programs_skip():
            server = stack.enter_context(
                servers.serve(
                    name, bundle, server_certificate, edits=edits, environment=environment
                )
            )
        yield server


def program(name: str, package: str) -> str:
    """Return the path of a program, or skip the test."""
    with missing_programs_skip():
        return servers.program(name, package)


@contextmanager
def missing_programs_skip() -> Iterator[None]:
    """Skip the test if a program is missing; in CI, which installs all of them, fail."""
    try:
        yield
    except servers.MissingProgramError as error:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(str(error))
