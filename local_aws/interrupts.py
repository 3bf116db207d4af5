"""Interrupts of a command line program, such as Ctrl-C and SIGTERM."""

import signal
from types import FrameType

__all__ = ["Interrupts"]


class Interrupts:
    """Turns the first signal into a `KeyboardInterrupt` and ignores further ones.

    A second Ctrl-C would otherwise interrupt the cleanup.

    Attributes:
        received: Whether a signal was received. Python drops an exception that is raised in a
            finalizer, and with it the `KeyboardInterrupt`.
    """

    def __init__(self, *signals: signal.Signals) -> None:
        self.received = False
        self._signals = signals or (signal.SIGINT, signal.SIGTERM)
        for number in self._signals:
            signal.signal(number, self._interrupt)

    def ignore(self) -> None:
        """Ignore all further signals."""
        for number in self._signals:
            signal.signal(number, signal.SIG_IGN)

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        self.ignore()
        self.received = True
        raise KeyboardInterrupt
