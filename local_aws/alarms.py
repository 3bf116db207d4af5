"""Evaluates CloudWatch alarms.

Source: the CloudWatch user guide, "Alarm evaluation", "Configuring how CloudWatch alarms treat
missing data" and "Alarm warm-up periods". Unlike CloudWatch, which looks at some older periods if
data are missing, look at the alarm's evaluation periods alone.
"""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["Verdict", "evaluate_alarm"]

_COMPARISONS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}


@dataclass(frozen=True)
class Verdict:
    """The state of an alarm, and the reason for it."""

    state: str
    reason: str


def evaluate_alarm(
    alarm: Mapping[str, Any], statistic: Callable[[float, float], float | None], now: float
) -> Verdict | None:
    """Return the state of an alarm, or None if it keeps its state.

    Args:
        alarm: The alarm, as `PutMetricAlarm` describes it. `AlarmConfigurationUpdatedTimestamp` is
            in epoch seconds.
        statistic: Returns the alarm's statistic over the time after its first argument and until
            its second, in epoch seconds, or None without data.
        now: The time, in epoch seconds.
    """
    period, count = alarm["Period"], alarm["EvaluationPeriods"]
    values = [statistic(now - (n + 1) * period, now - n * period) for n in range(count)]
    present = [value for value in values if value is not None]
    missing = count - len(present)
    if _warms_up(alarm, now, filled=not missing):
        return Verdict("INSUFFICIENT_DATA", "Unchecked: the alarm warms up")
    exceeds = _COMPARISONS[alarm["ComparisonOperator"]]
    breaching = sum(exceeds(value, alarm["Threshold"]) for value in present)
    needed = alarm.get("DatapointsToAlarm") or count
    reason = (
        f"Threshold Crossed: {breaching} of the last {count} datapoints {present} were "
        f"{alarm['ComparisonOperator']} {alarm['Threshold']}; {missing} were missing"
    )
    match alarm.get("TreatMissingData") or "missing":
        case "breaching":
            breaching += missing
        case "ignore":
            if breaching < needed <= breaching + missing:
                return None
        case "missing":
            if not present:
                return Verdict("INSUFFICIENT_DATA", f"Insufficient Data: {missing} were missing")
            needed = min(needed, len(present))
    return Verdict("ALARM" if breaching >= needed else "OK", reason)


def _warms_up(alarm: Mapping[str, Any], now: float, *, filled: bool) -> bool:
    warm_up = alarm.get("WarmUpConfiguration")
    if not warm_up:
        return False
    seconds = 60 * int(warm_up["WarmUpPeriodDurationInMinutes"])
    if now >= alarm["AlarmConfigurationUpdatedTimestamp"] + seconds:
        return False
    to_the_end = str(warm_up.get("OnlyStartEvaluatingAfterWarmUpPeriodEnds")).lower() == "true"
    return to_the_end or not filled
