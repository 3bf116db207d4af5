"""Run the packaged handler in a separate process, which tests may kill."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class InvocationResult:
    """How an invocation ended ("returned", "raised …" or "died"), and what it logged."""

    outcome: str
    logs: list[str]


class PackagedFunction:
    """The packaged handler in a warm process, which handles invocations one at a time."""

    def __init__(self, asset: Path, variables: Mapping[str, str]) -> None:
        self._results, child_results = os.pipe()
        self.process = subprocess.Popen(
            [
                sys.executable,
                str(Path(__file__).with_name("lambda_runtime.py")),
                str(child_results),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=[child_results],
            env={**variables, "PYTHONPATH": str(asset), "PYTHONDONTWRITEBYTECODE": "1"},
            text=True,
        )
        os.close(child_results)
        self.logs: list[str] = []
        self.outcomes: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.logs.append(line.rstrip("\n"))

    def start(self, event: Any, seconds: float = 300.0) -> None:
        """Start an invocation without waiting for its end.

        Args:
            event: The event.
            seconds: The remaining time that Lambda's context returns.
        """
        assert self.process.stdin
        self.process.stdin.write(json.dumps({"event": event, "seconds": seconds}) + "\n")
        self.process.stdin.flush()

    def wait(self) -> str:
        """Wait until the invocation that was started ends, and return its outcome."""
        with os.fdopen(os.dup(self._results)) as results:
            line = results.readline()
        self.outcomes.append(json.loads(line)["outcome"] if line else "died")
        return self.outcomes[-1]

    def invoke(self, event: Any, seconds: float = 300.0) -> InvocationResult:
        """Start an invocation and wait for its end."""
        before = len(self.logs)
        with suppress(BrokenPipeError):
            self.start(event, seconds)
        outcome = self.wait()
        if outcome == "died":
            self.process.wait()
            self._reader.join()
        else:
            time.sleep(0.02)  # the last log lines may still be in the pipe
        return InvocationResult(outcome, self.logs[before:])

    def kill(self) -> None:
        """Send SIGKILL to the process."""
        self.process.send_signal(signal.SIGKILL)

    def close(self) -> None:
        """End the process and close its pipes."""
        self.kill()
        self.process.wait()
        self._reader.join()
        os.close(self._results)
        for stream in (self.process.stdin, self.process.stdout):
            if stream:
                with suppress(BrokenPipeError):
                    stream.close()
