"""Test the evaluation of alarms, and the parser of printed metrics."""

import json
from typing import Any

import pytest

from local_aws.alarms import evaluate_alarm
from local_aws.embedded_metrics import Datum, read_metrics

DAY = 86400.0


def alarm(**properties: Any) -> dict[str, Any]:
    return {
        "Period": 86400,
        "EvaluationPeriods": 1,
        "ComparisonOperator": "LessThanOrEqualToThreshold",
        "Threshold": 30.0,
        "AlarmConfigurationUpdatedTimestamp": 0,
        **properties,
    }


def state(alarm: dict[str, Any], *values: float | None, now: float = 10 * DAY) -> str | None:
    """Return the state of the alarm with these values, the latest one first."""

    def statistic(start: float, end: float) -> float | None:
        assert end - start == alarm["Period"]
        return values[int((now - end) / alarm["Period"])]

    verdict = evaluate_alarm(alarm, statistic, now)
    return verdict.state if verdict else None


@pytest.mark.parametrize(
    ("comparison", "states"),
    [
        ("LessThanOrEqualToThreshold", ["ALARM", "ALARM", "OK"]),
        ("LessThanThreshold", ["ALARM", "OK", "OK"]),
        ("GreaterThanOrEqualToThreshold", ["OK", "ALARM", "ALARM"]),
        ("GreaterThanThreshold", ["OK", "OK", "ALARM"]),
    ],
)
def test_each_operator_compares_with_the_threshold(comparison: str, states: list[str]) -> None:
    subject = alarm(ComparisonOperator=comparison)
    assert [state(subject, value) for value in (-1.0, 30.0, 30.1)] == states


@pytest.mark.parametrize(
    ("treatment", "expected"),
    [
        ("missing", "INSUFFICIENT_DATA"),
        ("breaching", "ALARM"),
        ("notBreaching", "OK"),
        ("ignore", None),
    ],
)
def test_missing_data_is_treated_as_configured(treatment: str, expected: str | None) -> None:
    assert state(alarm(TreatMissingData=treatment), None) == expected


@pytest.mark.parametrize(
    ("treatment", "values", "expected"),
    [
        ("missing", (1.0, None, 1.0), "ALARM"),
        ("missing", (1.0, None, 40.0), "OK"),
        ("ignore", (1.0, None, None), None),
        ("ignore", (40.0, 40.0, None), "OK"),
        ("ignore", (1.0, 1.0, None), "ALARM"),
        ("breaching", (1.0, None, 40.0), "ALARM"),
        ("notBreaching", (1.0, None, 40.0), "OK"),
    ],
)
def test_configured_number_of_datapoints_must_breach(
    treatment: str, values: tuple[float | None, ...], expected: str | None
) -> None:
    subject = alarm(EvaluationPeriods=3, DatapointsToAlarm=2, TreatMissingData=treatment)
    assert state(subject, *values) == expected


@pytest.mark.parametrize(
    ("to_the_end", "now", "value", "expected"),
    [
        (False, DAY, None, "INSUFFICIENT_DATA"),
        (False, DAY, 1.0, "ALARM"),
        (True, DAY, 1.0, "INSUFFICIENT_DATA"),
        ("true", DAY, 1.0, "INSUFFICIENT_DATA"),
        (True, 2 * DAY, 1.0, "ALARM"),
        (False, 2 * DAY, None, "ALARM"),
    ],
)
def test_alarm_waits_for_its_warm_up(
    to_the_end: object, now: float, value: float | None, expected: str
) -> None:
    warm_up = {
        "WarmUpPeriodDurationInMinutes": 2 * 24 * 60,
        "OnlyStartEvaluatingAfterWarmUpPeriodEnds": to_the_end,
    }
    subject = alarm(TreatMissingData="breaching", WarmUpConfiguration=warm_up)
    assert state(subject, value, now=now) == expected


DOCUMENT = {
    "_aws": {
        "Timestamp": 1_700_000_000_500,
        "CloudWatchMetrics": [
            {
                "Namespace": "Orders",
                "Dimensions": [["Stack", "Id"], []],
                "Metrics": [{"Name": "Days", "Unit": "Count"}, {"Name": "Held"}],
            }
        ],
    },
    "Stack": "s",
    "Id": "i",
    "Days": 12.5,
    "Held": [0, 1],
}


def test_each_set_of_dimensions_is_a_metric() -> None:
    dimensions = {"Stack": "s", "Id": "i"}
    time = 1_700_000_000.5
    assert list(read_metrics(f"START\n{json.dumps(DOCUMENT)}\nEND\n")) == [
        Datum("Orders", "Days", dimensions, [12.5], "Count", time),
        Datum("Orders", "Held", dimensions, [0.0, 1.0], "None", time),
        Datum("Orders", "Days", {}, [12.5], "Count", time),
        Datum("Orders", "Held", {}, [0.0, 1.0], "None", time),
    ]


@pytest.mark.parametrize(
    "line",
    [
        "{not JSON: _aws",
        '{"level": "INFO", "message": "x"}',
        json.dumps(DOCUMENT | {"Stack": 1}),
        json.dumps({key: value for key, value in DOCUMENT.items() if key != "Days"}),
        json.dumps({"_aws": {}}),
        json.dumps({"_aws": []}),
        "x " + json.dumps(DOCUMENT),
    ],
)
def test_ignores_a_malformed_line(line: str) -> None:
    assert list(read_metrics(line)) == []
