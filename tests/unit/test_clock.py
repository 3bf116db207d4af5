"""The time of a scheduled task."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lambda_handler.clock import later

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("scheduled", "time"),
    [
        ("2027-03-01T13:00:00Z", NOW + timedelta(hours=1)),
        ("2027-03-01T13:00:00", NOW + timedelta(hours=1)),
        ("2027-03-01T13:00:00+02:00", NOW),
        ("2027-03-01T11:00:00Z", NOW),
        ("noon", NOW),
        (None, NOW),
        (5, NOW),
    ],
)
def test_later_of_the_schedule_and_the_wall_clock(scheduled: Any, time: datetime) -> None:
    assert later(scheduled, NOW) == time
    assert later(scheduled, NOW).utcoffset() == timedelta(0)
