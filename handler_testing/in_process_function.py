"""Run the handler in this process, with a clock that skips its sleeps.

For tests of decisions and retries. Tests that kill the process or need the packaged asset use
`PackagedFunction` instead.
"""

import io
import time
from contextlib import redirect_stdout
from functools import cache
from typing import Any

import boto3
import pytest

from handler_testing.environment import Environment, replace_aws_variables
from handler_testing.lambda_runtime import LambdaContext
from handler_testing.packaged_function import InvocationResult


class SkippingClock:
    """Replaces the `time` module in the handler's modules. Sleeping moves the clock at once.

    Attributes:
        slept: The seconds of each sleep.
    """

    def __init__(self, speed: float = 0.0) -> None:
        """Create a clock.

        Args:
            speed: How many seconds pass for each real one, sleeps included. At 0, sleeps take no
                real time.
        """
        self.slept: list[float] = []
        self._speed = speed
        self._skipped = 0.0

    def monotonic(self) -> float:
        return time.monotonic() * (self._speed or 1.0) + self._skipped

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if self._speed:
            time.sleep(seconds / self._speed)
        else:
            self._skipped += seconds


@cache
def _session() -> boto3.Session:
    """Return one session for all tests: loading the service model takes time.

    Each client still reads its settings from the environment.
    """
    return boto3.Session()


class InProcessFunction:
    """Invokes `lambda_handler.main.handler` in an environment.

    Attributes:
        clock: The clock that the handler's delays and deadlines follow.
        outcomes: The outcomes of all invocations.
    """

    def __init__(self, environment: Environment, patch: pytest.MonkeyPatch) -> None:
        replace_aws_variables(patch, environment.variables)
        patch.setattr(boto3, "DEFAULT_SESSION", _session())
        from lambda_handler import calls, deadline, log, main

        self.main = main
        self._timed_modules = (calls, deadline, main)
        self._patch = patch
        self._output = io.StringIO()
        with redirect_stdout(self._output):
            log.configure()
        # Do not reuse cached clients: they have the endpoints of another test's services.
        patch.setattr(calls, "make_client", cache(calls.make_client.__wrapped__))
        patch.setattr(main, "DELIVERY_TIMEOUT", 1.0)
        self.clock = SkippingClock()
        self.use_clock(self.clock)
        self.outcomes: list[str] = []
        environment.functions.append(self)

    def use_clock(self, clock: SkippingClock) -> None:
        """Let the handler's delays and deadlines follow this clock."""
        self.clock = clock
        for module in self._timed_modules:
            self._patch.setattr(module, "time", clock)

    @property
    def logs(self) -> list[str]:
        """The log lines of all invocations."""
        return self._output.getvalue().splitlines()

    def invoke(self, event: Any, seconds: float = 300.0) -> InvocationResult:
        """Deliver one event, as Lambda does."""
        before = len(self.logs)
        try:
            self.main.handler(event, LambdaContext(seconds))
            outcome = "returned"
        except Exception as error:
            outcome = f"raised {type(error).__name__}: {error}"
        self.outcomes.append(outcome)
        return InvocationResult(outcome, self.logs[before:])

    def close(self) -> None:
        """Do nothing: monkeypatch restores what this class replaced."""
