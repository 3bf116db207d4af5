"""A clock for servers that can be moved while they run."""

import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Self

from .servers import MissingProgramError

_FOLDERS: Final = [Path("/usr/lib"), Path("/usr/lib64")]


class MovedClock:
    """A context manager that provides a clock to processes which run with its `environment`.

    libfaketime, loaded into these processes, reads the clock's offset from a file whenever they
    ask for the time. Timers are not affected. Programs that do not call the C library for the time,
    such as those in Go, do not follow it, nor does Python's `time.sleep` work.

    Attributes:
        environment: The environment variables of these processes.

    Raises:
        MissingProgramError: libfaketime is not installed.
    """

    def __init__(self) -> None:
        library = _find_library()
        self._folder = tempfile.TemporaryDirectory(prefix="clock-")
        os.chmod(self._folder.name, 0o755)  # the workers of servers read it as another user
        self._offset = Path(self._folder.name) / "offset"
        self.environment = {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self._offset),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        self.set(datetime.now(UTC))

    def set(self, time: datetime) -> None:
        """Set the clock to a time, from which it runs on."""
        offset = (time - datetime.now(UTC)).total_seconds()
        new = self._offset.with_suffix(".new")
        new.write_text(f"{offset:+.6f}\n")
        new.replace(self._offset)  # in one step: a process may read it at any moment

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()


def _find_library() -> Path:
    for folder in _FOLDERS:
        for library in folder.glob("**/faketime/libfaketimeMT.so.1"):
            return library
    raise MissingProgramError("libfaketime is not installed (Debian: apt install faketime)")
