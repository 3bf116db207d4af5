"""A client that calls stages without a pause and counts what it gets."""

import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, Self

from local_aws import LocalAws

from .servers import GREETING

_WAIT_SECONDS: Final = 60


@dataclass(frozen=True)
class Stage:
    """A stage of a REST API, by the name that the demo prints."""

    name: str
    api_id: str
    stage: str


@dataclass(frozen=True)
class Calls:
    """How many calls the backend answered, and how many failed: at the handshake or later.

    Attributes:
        failure: What the last failed call got.
    """

    accepted: int = 0
    refused: int = 0
    failure: str = ""

    def __add__(self, other: "Calls") -> "Calls":
        return Calls(
            self.accepted + other.accepted,
            self.refused + other.refused,
            other.failure or self.failure,
        )


class Caller:
    """A context manager that calls stages, each in its own thread, from its start to its end.

    Every call makes API Gateway open a new TLS connection to the backend.
    """

    def __init__(self, aws: LocalAws, stages: Iterable[Stage]) -> None:
        self._aws = aws
        self._counts = {stage: Calls() for stage in stages}
        self._taken = dict(self._counts)
        self._changed = threading.Condition()
        self._ended = False
        self._threads = [
            threading.Thread(target=self._call, args=[stage], daemon=True) for stage in self._counts
        ]

    def take(self) -> dict[str, Calls]:
        """Return the calls since the last time, by the stage's name.

        Waits until each stage has been called twice from now on. The second of these calls has
        started after now, so that it met whatever was changed before.

        Raises:
            TimeoutError: A stage does not respond.
        """
        with self._changed:
            start = dict(self._counts)
            if not self._changed.wait_for(
                lambda: all(_number(self._counts[it]) >= _number(start[it]) + 2 for it in start),
                timeout=_WAIT_SECONDS,
            ):
                raise TimeoutError(f"a stage did not respond within {_WAIT_SECONDS} seconds")
            calls = {
                stage.name: replace(
                    now,
                    accepted=now.accepted - self._taken[stage].accepted,
                    refused=now.refused - self._taken[stage].refused,
                )
                for stage, now in self._counts.items()
            }
            self._taken = dict(self._counts)
        return calls

    def _call(self, stage: Stage) -> None:
        while not self._ended:
            try:
                status, body = self._aws.invoke(stage.api_id, stage.stage)
                accepted, failure = (
                    (status, body) == (200, GREETING),
                    f"HTTP {status}: {body[:80]!r}",
                )
            except OSError as error:
                accepted, failure = False, str(error)
            call = Calls(accepted=1) if accepted else Calls(refused=1, failure=failure)
            with self._changed:
                self._counts[stage] += call
                self._changed.notify_all()

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = True
        for thread in self._threads:
            thread.join()


def _number(calls: Calls) -> int:
    return calls.accepted + calls.refused
