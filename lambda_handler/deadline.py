"""How much time an invocation has left for calls. All waits between calls happen here."""

import time
from datetime import UTC, datetime

from .errors import OutOfTimeError


class Deadline:
    """The time in which one invocation may start calls.

    Args:
        seconds: Seconds from now until the last call has to be over.
        call_seconds: Seconds that one call may take.
    """

    def __init__(self, seconds: float, call_seconds: float) -> None:
        self.seconds = seconds
        self.started = datetime.now(UTC)
        self._call_seconds = call_seconds
        self._last_start = time.monotonic() + seconds - call_seconds

    def seconds_left(self) -> float:
        """Return the seconds in which calls may still be started."""
        return self._last_start - time.monotonic()

    def share(self, count: int) -> "Deadline":
        """Return the deadline of the first of `count` equal parts of the time that is left."""
        return Deadline(self.seconds_left() / count + self._call_seconds, self._call_seconds)

    def sleep(self, seconds: float) -> None:
        """Wait before the next call.

        Raises:
            OutOfTimeError: No call could follow. Raised at once, without waiting.
        """
        if seconds >= self.seconds_left():
            raise OutOfTimeError(
                "the function's time ran out before its next call to API Gateway: deploy again"
            )
        time.sleep(seconds)
