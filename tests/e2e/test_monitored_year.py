"""Monitor a certificate for a year of the account's clock."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tests.e2e.support import ScenarioContext, scenario

STACK = "Monitoring"
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Year:
    """The alarms' states at some moments, and the outcomes of the scheduled invocations."""

    first_day: dict[str, str]
    unchecked: dict[str, str]
    checked_again: dict[str, str]
    last_month: dict[str, str]
    errors: set[str | None]
    times: list[datetime]


@scenario
def year(context: ScenarioContext) -> Year:
    aws, app = context.aws, context.example("monitoring.py")
    app.deploy()
    first = aws.advance(DAY)
    first_day = _states(context)
    aws.set_clock(aws.now() + 330 * DAY)
    unchecked = _states(context)
    again = aws.advance(DAY)
    checked_again = _states(context)
    last = aws.advance(10 * DAY)
    last_month = _states(context)
    aws.set_clock(datetime.now(UTC))
    app.destroy()
    invocations = first + again + last
    return Year(
        first_day,
        unchecked,
        checked_again,
        last_month,
        {invocation.error for invocation in invocations},
        [invocation.time for invocation in last],
    )


def _states(context: ScenarioContext) -> dict[str, str]:
    """Return the state of each alarm, by the ID of its construct."""
    alarms = context.aws.client("cloudwatch").describe_alarms(AlarmNamePrefix=STACK)["MetricAlarms"]
    return {
        "CheckFailure" if "CheckFailure" in alarm["AlarmName"] else "Expiry": alarm["StateValue"]
        for alarm in alarms
    }


def test_both_alarms_are_ok_on_the_first_day(year: Year) -> None:
    assert year.first_day == {"CheckFailure": "OK", "Expiry": "OK"}


def test_missing_checks_fire_only_the_check_failure_alarm(year: Year) -> None:
    assert year.unchecked == {"CheckFailure": "ALARM", "Expiry": "OK"}
    assert year.checked_again == {"CheckFailure": "OK", "Expiry": "OK"}


def test_the_expiry_alarm_fires_in_the_last_month(year: Year) -> None:
    assert year.last_month == {"CheckFailure": "OK", "Expiry": "ALARM"}


def test_the_schedule_invokes_the_function_every_12_hours(year: Year) -> None:
    assert year.errors == {None}
    intervals = [b - a for a, b in zip(year.times, year.times[1:], strict=False)]
    assert len(intervals) == 19
    assert set(intervals) == {DAY / 2}
