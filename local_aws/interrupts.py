"""Interrupts of a command line program: Ctrl-C and SIGTERM."""

import signal
from types import FrameType

__all__ = ["handle_interrupts"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def handle_interrupts() -> None:
    """Raise `KeyboardInterrupt` on the first Ctrl-C or SIGTERM, and ignore any further one.

    A second Ctrl-C would otherwise interrupt the cleanup.
    """
    for number in _SIGNALS:
        signal.signal(number, _interrupt)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt
