"""API Gateway's throttling: a token bucket."""

import time
from collections.abc import Callable
from typing import Final

__all__ = ["BURST", "REQUESTS_PER_SECOND", "TokenBucket"]

REQUESTS_PER_SECOND: Final = 10
BURST: Final = 40


class TokenBucket:
    """A bucket that holds up to `burst` tokens and gains `rate` tokens per second.

    Args:
        rate: Tokens per second.
        burst: The capacity. The bucket starts full.
        clock: Returns monotonic time in seconds.
    """

    def __init__(
        self,
        rate: float = REQUESTS_PER_SECOND,
        burst: int = BURST,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._tokens, self._at = float(burst), clock()

    def wait(self) -> float:
        """Take a token and return 0, or return the seconds until one is available."""
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens < 1:
            return (1 - self._tokens) / self._rate
        self._tokens -= 1
        return 0.0
