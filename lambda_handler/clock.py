"""What time it is for a task."""

from datetime import UTC, datetime
from typing import Any


def later(scheduled: Any, wall_clock: datetime) -> datetime:
    """Return the later of an event's time, in ISO 8601, and the wall clock's.

    A time that cannot be read is ignored: someone who invokes the function by hand may give none.
    """
    try:
        given = datetime.fromisoformat(scheduled)
    except (TypeError, ValueError):
        return wall_clock
    return max(given if given.tzinfo else given.replace(tzinfo=UTC), wall_clock)
