"""Runs `make verify-live`'s program many times: `python -m tests.verify_live.driver`.

Standard input is JSON: the synthesis to use, since synthesizing takes longer than all the calls,
and the interrupts. Each run is a process of its own, forked from this one, which has everything
imported. The interrupt is a real signal that a run sends itself, or an exception, at its n-th call:
`before` the request goes out, or `after` the response came in, which is then lost.
"""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any, NamedTuple

import boto3

from tools.verify_live import __main__ as program
from tools.verify_live import account
from tools.verify_live.synthesis import Synthesis

AT_ONCE = 4


class Interrupt(NamedTuple):
    """When a run gets which signal; call 0 is never made, and signal 0 stands for an exception."""

    call: int = 0
    moment: str = "before"
    number: int = signal.SIGINT


class Session(boto3.Session):
    """A session that counts calls, and sends the signal at one of them."""

    interrupt = Interrupt()
    calls = 0

    def __init__(self, region_name: str | None = None) -> None:
        super().__init__(region_name=region_name)
        self.events.register("before-send", self._before)
        self.events.register("response-received", self._after)

    def _before(self, **_: Any) -> None:
        Session.calls += 1
        self._signal("before")

    def _after(self, **_: Any) -> None:
        self._signal("after")

    def _signal(self, moment: str) -> None:
        interrupt = self.interrupt
        if not interrupt.call:
            return
        if (Session.calls, moment) == (interrupt.call, interrupt.moment):
            if not interrupt.number:
                raise RuntimeError("lost")
            os.kill(os.getpid(), interrupt.number)
        # Further ones, out of impatience, must not break off the removal.
        if interrupt.number and Session.calls > interrupt.call and moment == "before":
            os.kill(os.getpid(), interrupt.number)


def main() -> None:
    given = json.load(sys.stdin)
    boto3.Session = Session  # type: ignore[misc, assignment]
    # The local AWS neither lags nor has quotas of calls.
    account.SEARCH_PAUSES = (0, 0.1)  # type: ignore[misc, assignment]
    account.RETRY_PAUSES = (0, 0.1, 0.2, 0.5, 1, 2, 4, 8)  # type: ignore[misc, assignment]
    program.synthesize = lambda name, *_: renamed(given["synthesis"], name)  # type: ignore[attr-defined]
    folder = Path(given["folder"])
    waiting = [Interrupt(*it) for it in given["interrupts"]]
    running: set[int] = set()
    while waiting or running:
        if waiting and len(running) < AT_ONCE:
            Session.interrupt = waiting.pop(0)
            if pid := os.fork():
                running.add(pid)
                continue
            run(folder / f"{Session.interrupt.call}-{Session.interrupt.moment}")
        running.remove(os.wait()[0])


def renamed(synthesis: dict[str, Any], name: str) -> Synthesis:
    """Return the synthesis under the name of this run."""
    return Synthesis(**json.loads(json.dumps(synthesis).replace("verify-live-saved", name)))


def run(output: Path) -> None:
    """Run the program in this process, which ends with it; write down code, calls and output."""
    code = 1
    try:
        with output.with_suffix(".txt").open("w", buffering=1) as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
            code = program.main()
            sys.stdout.flush()
    finally:
        result = {"code": code, "calls": Session.calls}
        output.with_suffix(".json").write_text(json.dumps(result))
        os._exit(code)


if __name__ == "__main__":
    main()
