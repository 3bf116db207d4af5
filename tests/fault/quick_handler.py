"""The handler in this process, with a clock whose sleeps pass at once.

For rows about patience and for plain decisions. Where a process dies, or where the packaged asset
is the point, the tests use `fakes.Function` instead.
"""

import io
import os
import time
from contextlib import redirect_stdout
from functools import cache
from typing import Any

import boto3
import pytest

from tests.fault.fakes import Invocation, World
from tests.fault.lambda_process import Context


class Clock:
    """Stands in for the `time` module of a handler's module. Sleeping moves it, at once.

    `speed`: seconds that pass in it for each real one, sleeps included, where 0 means at once.
    """

    def __init__(self, speed: float = 0.0) -> None:
        self.slept: list[float] = []
        self._speed = speed
        self._ahead = 0.0

    def monotonic(self) -> float:
        return time.monotonic() * (self._speed or 1.0) + self._ahead

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if self._speed:
            time.sleep(seconds / self._speed)
        else:
            self._ahead += seconds


@cache
def _session() -> boto3.Session:
    """One for all tests: it reads the service's model, and settings from the environment anew."""
    return boto3.Session()


class InProcess:
    """Invokes `lambda_handler.main.handler` against the fakes of a world."""

    def __init__(self, world: World, patch: pytest.MonkeyPatch) -> None:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        for name, value in world.environment.items():
            if name != "PATH":
                patch.setenv(name, value)
        patch.setattr(boto3, "DEFAULT_SESSION", _session())
        from lambda_handler import api_gateway, custom_resource, deadline, log, main

        self.main = main
        self.clock = Clock()
        self._timed = (api_gateway, deadline, main)
        self._patch = patch
        self._output = io.StringIO()
        with redirect_stdout(self._output):
            log.configure()
        patch.setattr(custom_resource, "CLIENT", api_gateway.make_client(20.0))
        patch.setattr(main, "DELIVERY_TIMEOUT", 1.0)
        self.use(self.clock)
        self.endings: list[str] = []
        world.functions.append(self)

    def use(self, clock: Clock) -> None:
        """Let the handler's pauses and deadlines follow this clock."""
        self.clock = clock
        for module in self._timed:
            self._patch.setattr(module, "time", clock)

    @property
    def logs(self) -> list[str]:
        return self._output.getvalue().splitlines()

    def invoke(self, event: Any, seconds: float = 300.0) -> Invocation:
        """Deliver one event, as Lambda does."""
        before = len(self.logs)
        try:
            self.main.handler(event, Context(seconds))
            ended = "returned"
        except Exception as error:
            ended = f"raised {type(error).__name__}: {error}"
        self.endings.append(ended)
        return Invocation(ended, self.logs[before:])

    def close(self) -> None:
        """Nothing is left to close."""
