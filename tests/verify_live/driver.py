"""Run the program behind `make verify-live` many times: `python -m tests.verify_live.driver`.

Standard input is a JSON object with the interrupts and the synthesis to use, because a synth takes
longer than all calls. Each run is forked from this process, which has everything imported. At its
n-th call, the run sends itself a signal or raises an exception: `before` it sends the request, or
`after` it received the response, which is then lost.
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
    """The call and the signal of an interrupt; call 0 means none, signal 0 an exception."""

    call: int = 0
    moment: str = "before"
    number: int = signal.SIGINT


class Session(boto3.Session):
    """A session that counts calls and interrupts one of them."""

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
        # Users may press Ctrl-C again, which must not stop the removal.
        if interrupt.number and Session.calls > interrupt.call and moment == "before":
            os.kill(os.getpid(), interrupt.number)


def main() -> None:
    arguments = json.load(sys.stdin)
    boto3.Session = Session  # type: ignore[misc, assignment]
    # Short pauses: the local AWS is consistent and has no request quotas.
    account.SEARCH_PAUSES = (0, 0.1)  # type: ignore[misc, assignment]
    account.RETRY_PAUSES = (0, 0.1, 0.2, 0.5, 1, 2, 4, 8)  # type: ignore[misc, assignment]
    program.synthesize = lambda name, *_: renamed(arguments["synthesis"], name)  # type: ignore[attr-defined]
    folder = Path(arguments["folder"])
    waiting = [Interrupt(*it) for it in arguments["interrupts"]]
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
    """Return the synthesis with the name of this run."""
    return Synthesis(**json.loads(json.dumps(synthesis).replace("verify-live-saved", name)))


def run(output: Path) -> None:
    """Run the program, write its code, calls and output to files, and exit this process."""
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
