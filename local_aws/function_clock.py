"""Moves the clock of a Lambda function's process. Its source is copied into that process."""

from pathlib import Path
from typing import Any

__all__ = ["follow_clock"]


def follow_clock(file: str, moved: dict[str, Any]) -> None:
    """Let Python's `time` and `datetime` follow the account's clock, also in a warm process.

    Only Python's functions follow: OpenSSL verifies the server's certificate by the machine's
    clock, and `time.monotonic` is not changed.

    Args:
        file: The file with the clock's offset, in seconds.
        moved: The state of this process; empty at its first call.
    """
    offset = float(Path(file).read_text())
    if offset == moved.get("offset", 0.0):
        return
    import time
    from datetime import timedelta

    import time_machine

    if not moved:
        moved["traveller"] = time_machine.travel(timedelta()).start()
        time.time()  # the traveller starts to tick at the first call
    moved["traveller"].shift(offset - moved.get("offset", 0.0))
    moved["offset"] = offset
