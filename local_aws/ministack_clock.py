"""Lets `ministack`, and the Lambda functions that it runs, follow the account's clock."""

import inspect
from datetime import datetime, timedelta
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from .clock import Clock
from .function_clock import follow_clock

__all__ = ["extend_clock", "new_clock"]

_FOLLOW: Final = "        follow_clock(_clock_file, _clock)\n"
_BEFORE_EVENT: Final = '        event = _ms_msg["event"]\n'
_BEFORE_IMPORT: Final = "        mod = importlib.import_module(module_name)\n"


def new_clock(folder: str) -> Clock:
    """Return a clock that writes its offset to a file, for the processes of functions."""
    file = _file(folder)
    file.write_text("0.0")

    def write(offset: timedelta) -> None:
        # Replaced rather than written, because functions read it at any time.
        new = file.with_suffix(".new")
        new.write_text(repr(offset.total_seconds()))
        new.replace(file)

    return Clock(write)


def extend_clock(clock: Clock, folder: str) -> None:
    """Apply all extensions of this module."""
    _follow_in_services(clock)
    _accept_signatures_of_both_clocks(clock)
    _follow_in_functions(folder)


def _file(folder: str) -> Path:
    return Path(folder) / "clock"


def _follow_in_services(clock: Clock) -> None:
    """Date what these services return, and what they compare with, by the account's clock."""
    cloudwatch: Any = import_module("ministack.services.cloudwatch")
    eventbridge: Any = import_module("ministack.services.eventbridge")
    scheduler: Any = import_module("ministack.services.scheduler")
    ssm: Any = import_module("ministack.services.ssm")
    cloudwatch.time = SimpleNamespace(time=clock.timestamp)
    eventbridge._now_ts = scheduler._now = ssm._now_epoch = clock.timestamp


def _accept_signatures_of_both_clocks(clock: Clock) -> None:
    """Accept requests signed by the machine's clock, and those signed by the account's.

    Clients outside follow the machine's clock, Lambda functions the account's.
    """
    sigv4: Any = import_module("ministack.core.sigv4")
    failure = sigv4.request_time_failure

    def request_time_failure(signature: Any, *, now: datetime | None = None) -> Any:
        return failure(signature, now=now) and failure(signature, now=clock.now())

    sigv4.request_time_failure = request_time_failure


def _follow_in_functions(folder: str) -> None:
    """Move the clock of a Python function's process before its import and each invocation."""
    runtime: Any = import_module("ministack.core.lambda_runtime")
    script = runtime._PYTHON_WORKER_SCRIPT
    for line in (_BEFORE_IMPORT, _BEFORE_EVENT):
        if script.count(line) != 1:
            raise RuntimeError(f"ministack's worker script has no line {line!r}")
        script = script.replace(line, _FOLLOW + line)
    runtime._PYTHON_WORKER_SCRIPT = "\n".join(
        [
            "from pathlib import Path",
            "from typing import Any",
            inspect.getsource(follow_clock),
            f"_clock_file, _clock = {str(_file(folder))!r}, {{}}",
            script,
        ]
    )
