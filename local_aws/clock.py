"""The account's clock."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

__all__ = ["Clock"]


class Clock:
    """The machine's clock plus an offset, zero at first. Safe to call from several threads.

    Args:
        on_change: Called with each new offset.
    """

    def __init__(self, on_change: Callable[[timedelta], None] = lambda _: None) -> None:
        self._offset, self._on_change = timedelta(), on_change
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """Return the account's time, in UTC."""
        return datetime.now(UTC) + self._offset

    def timestamp(self) -> float:
        """Return the account's time in epoch seconds, as `time.time` does."""
        return self.now().timestamp()

    def set(self, time: datetime) -> None:
        """Move the clock, forwards or backwards. It runs on from there."""
        with self._lock:
            self._offset = time - datetime.now(UTC)
            self._on_change(self._offset)
