"""CloudWatch in `ministack`: metrics from logs, and alarms that follow the account's clock."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from importlib import import_module
from typing import Any, Final

from .alarms import evaluate_alarm
from .clock import Clock
from .embedded_metrics import read_metrics

__all__ = ["extend_metrics"]

_RETENTION: Final = timedelta(days=455)
_OLDEST: Final = timedelta(days=14)
_NEWEST: Final = timedelta(hours=2)


def extend_metrics(clock: Clock) -> Callable[[], None]:
    """Apply all extensions of this module, and return a function that evaluates all alarms."""
    cloudwatch: Any = import_module("ministack.services.cloudwatch")
    # ministack keeps metrics for two weeks, CloudWatch for 15 months.
    cloudwatch.TWO_WEEKS_SECONDS = _RETENTION.total_seconds()
    _store_embedded_metrics(cloudwatch, clock)
    _keep_warm_up_configurations(cloudwatch, clock)
    cloudwatch._evaluate_alarm = lambda alarm: _evaluate(cloudwatch, alarm, clock.timestamp())

    def evaluate_all() -> None:
        responses: Any = import_module("ministack.core.responses")
        for (account, region, _), alarm in cloudwatch._alarms.all_items():
            responses.set_request_account_id(account)
            responses.set_request_region(region)
            cloudwatch._evaluate_alarm(alarm)

    return evaluate_all


def _store_embedded_metrics(cloudwatch: Any, clock: Clock) -> None:
    """Store what functions log in the embedded metric format, which ministack does not read.

    As CloudWatch does, drop data that are older than two weeks or more than two hours ahead.
    """
    lambda_service: Any = import_module("ministack.services.lambda_svc")
    emit_logs = lambda_service._emit_lambda_logs

    def emit(
        function: dict[str, Any], request_id: str, log: str, *rest: Any, **options: Any
    ) -> None:
        emit_logs(function, request_id, log, *rest, **options)
        now = clock.timestamp()
        for datum in read_metrics(log):
            if -_NEWEST.total_seconds() <= now - datum.time <= _OLDEST.total_seconds():
                cloudwatch._store_datum(
                    datum.namespace,
                    datum.name,
                    dict(datum.dimensions),
                    datum.time,
                    datum.unit,
                    None,
                    datum.values,
                    None,
                    None,
                )

    lambda_service._emit_lambda_logs = emit


def _keep_warm_up_configurations(cloudwatch: Any, clock: Clock) -> None:
    """Keep the warm-up configuration of alarms in templates, and date these by the clock."""
    provisioners: Any = import_module("ministack.services.cloudformation.provisioners")
    record = provisioners._cw_metric_alarm_record

    def record_with_warm_up(name: str, props: dict[str, Any]) -> dict[str, Any]:
        alarm: dict[str, Any] = record(name, props)
        now = int(clock.timestamp())
        alarm["AlarmConfigurationUpdatedTimestamp"] = now
        if name not in cloudwatch._alarms:
            alarm["StateUpdatedTimestamp"] = now
        if warm_up := props.get("WarmUpConfiguration"):
            alarm["WarmUpConfiguration"] = {
                key: int(value) if key == "WarmUpPeriodDurationInMinutes" else value
                for key, value in warm_up.items()
            }
        return alarm

    provisioners._cw_metric_alarm_record = record_with_warm_up


def _evaluate(cloudwatch: Any, alarm: dict[str, Any], now: float) -> None:
    """Evaluate a metric alarm, and change its state and call its actions if need be.

    ministack ignores dimensions, missing data and the single periods.
    """
    if not alarm.get("MetricName"):
        return
    points = _points(cloudwatch, alarm)
    name = alarm.get("ExtendedStatistic") or alarm.get("Statistic") or "Average"

    def statistic(start: float, end: float) -> float | None:
        found = [point for point in points if start < point["Timestamp"] <= end]
        if not found:
            return None
        value: float | None = cloudwatch._stat_value(cloudwatch._calc_stats(found), name, found)
        return value

    verdict = evaluate_alarm(alarm, statistic, now)
    if verdict is None or verdict.state == alarm["StateValue"]:
        return
    previous = alarm["StateValue"]
    alarm |= {
        "StateValue": verdict.state,
        "StateReason": verdict.reason,
        "StateUpdatedTimestamp": int(now),
    }
    cloudwatch._record_history(alarm["AlarmName"], previous, verdict.state, verdict.reason)
    cloudwatch._dispatch_alarm_actions(alarm, previous, verdict.state, verdict.reason)
    cloudwatch._evaluate_parent_alarms(alarm)


def _points(cloudwatch: Any, alarm: Mapping[str, Any]) -> list[dict[str, Any]]:
    dimensions = cloudwatch._dims_from_list(alarm.get("Dimensions") or [])
    key = (alarm["Namespace"], alarm["MetricName"], cloudwatch._dims_key(dimensions))
    unit = alarm.get("Unit")
    points = cloudwatch._metrics.get(key) or []
    return [point for point in points if not unit or point["Unit"] == unit]
