"""Lets `ministack` follow the account's clock."""

from datetime import datetime, timedelta
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from .clock import Clock

__all__ = ["extend_clock", "new_clock"]


def new_clock(file: Path) -> Clock:
    """Return a clock that writes its offset to a file, for the processes of functions."""
    file.write_text("0.0")

    def write(offset: timedelta) -> None:
        # Replaced rather than written, because functions read it at any time.
        new = file.with_suffix(".new")
        new.write_text(repr(offset.total_seconds()))
        new.replace(file)

    return Clock(write)


def extend_clock(clock: Clock) -> None:
    """Apply all extensions of this module."""
    _follow_in_services(clock)
    _accept_signatures_of_both_clocks(clock)


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
