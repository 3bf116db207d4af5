"""Moves the account's clock, and runs what becomes due."""

import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

from .clock import Clock
from .invocations import Invocation

__all__ = ["PassingTime", "Schedules"]


class Schedules(Protocol):
    """The schedules of the account."""

    def next_time(self, end: datetime) -> datetime | None:
        """Return the time of the earliest occurrence that is due by `end`, or None."""

    def fire(self) -> None:
        """Start the invocations that are due now."""

    def skip(self) -> None:
        """Skip what was due by now."""


class PassingTime:
    """Moves the clock, one request after the other.

    Args:
        clock: The account's clock.
        schedules: The schedules of the account.
        wait: Waits for all asynchronous invocations, and returns those that are new since the last
            call.
        evaluate_alarms: Evaluates all alarms, after each move of the clock.
    """

    def __init__(
        self,
        clock: Clock,
        schedules: Schedules,
        wait: Callable[[], list[Invocation]],
        evaluate_alarms: Callable[[], None],
    ) -> None:
        self._clock, self._schedules = clock, schedules
        self._wait, self._evaluate_alarms = wait, evaluate_alarms
        self._lock = threading.Lock()

    def move(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Move the clock as a request to the control endpoint says, and return the response."""
        with self._lock:
            match request:
                case {"set": str(time)}:
                    invocations = self._set(datetime.fromisoformat(time))
                case {"advance": float() | int() as seconds}:
                    invocations = self._advance(timedelta(seconds=seconds))
                case _:
                    invocations = []
            return {
                "time": self._clock.now().isoformat(),
                "invocations": [invocation.to_json() for invocation in invocations],
            }

    def _set(self, time: datetime) -> list[Invocation]:
        finished = self._wait()
        self._clock.set(time)
        self._schedules.skip()
        self._evaluate_alarms()
        return finished

    def _advance(self, duration: timedelta) -> list[Invocation]:
        end = self._clock.now() + duration
        finished = self._wait()
        while due := self._schedules.next_time(end):
            self._clock.set(max(due, self._clock.now()))
            self._schedules.fire()
            finished += self._wait()
            self._evaluate_alarms()
        self._clock.set(max(end, self._clock.now()))
        self._evaluate_alarms()
        return finished
