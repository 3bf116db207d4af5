"""Test that schedules fire by the account's clock, with the input from the template."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local_aws import LocalAws
from tests.local_aws.functions import Function, trusted_by
from tests.local_aws.stack import Stack

pytestmark = pytest.mark.usefixtures("restored_clock")

SOURCE = """
import time
def handler(event, context):
    if event.get("fail"):
        raise RuntimeError("fails as requested")
    return {"event": event, "time": time.time()}
"""
HOUR = timedelta(hours=1)
INPUT = '{"task": "monitor", "time": "<aws.scheduler.scheduled-time>"}'


@pytest.fixture
def function(aws: LocalAws) -> Iterator[Function]:
    with Function(aws, "scheduled", SOURCE) as function:
        yield function


@pytest.fixture
def stack(aws: LocalAws) -> Iterator[Stack]:
    stack = Stack(aws, "schedules")
    yield stack
    stack.delete()
    aws.advance()


def role(
    function: Function, service: str = "scheduler", action: str = "lambda:InvokeFunction"
) -> Any:
    statement = {"Effect": "Allow", "Action": action, "Resource": function.arn}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": json.loads(trusted_by(service)),
            "Policies": [{"PolicyName": "all", "PolicyDocument": document}],
        },
    }


def template(function: Function, role: Any, input: str = INPUT, **properties: Any) -> Any:
    target = {
        "Arn": function.arn,
        "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
        "Input": input,
    }
    defaults = {
        "ScheduleExpression": "rate(1 hour)",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": target,
    }
    schedule = {"Type": "AWS::Scheduler::Schedule", "Properties": defaults | properties}
    return {"Resources": {"Role": role, "Schedule": schedule}}


def seconds(time: datetime) -> datetime:
    return time.replace(microsecond=0)


def test_a_rate_fires_at_once_and_after_each_interval(
    aws: LocalAws, function: Function, stack: Stack
) -> None:
    stack.create(template(function, role(function)))
    first = aws.advance(2.5 * HOUR)
    second = aws.advance(HOUR)

    start = first[0].time
    assert abs(start - aws.now() + 3.5 * HOUR) < timedelta(minutes=1)
    assert [item.time for item in first + second] == [start + n * HOUR for n in range(4)]
    for item in first + second:
        event = {"task": "monitor", "time": seconds(item.time).strftime("%Y-%m-%dT%H:%M:%SZ")}
        assert (item.event, item.error, item.attempts) == (event, None, 1)
        assert item.result["event"] == event
        assert 0 <= item.result["time"] - item.time.timestamp() < 60
        assert item.function == function.arn
        assert item.source.startswith("arn:aws:scheduler:us-east-1:000000000000:schedule/default/")
    assert aws.advance(HOUR / 10) == []


def test_setting_the_clock_skips_due_invocations(
    aws: LocalAws, function: Function, stack: Stack
) -> None:
    stack.create(template(function, role(function)))
    aws.set_clock(aws.now() + timedelta(days=365))
    assert len(aws.advance(HOUR)) == 1


def test_a_failed_run_is_retried_twice_and_reported(
    aws: LocalAws, function: Function, stack: Stack
) -> None:
    stack.create(template(function, role(function), '{"fail": true}'))
    (item,) = aws.advance()
    assert (item.error, item.attempts, item.result) == ("fails as requested", 3, None)
    assert "RuntimeError: fails as requested" in item.log


def test_the_event_invoke_configuration_limits_the_retries(
    aws: LocalAws, function: Function, stack: Stack
) -> None:
    client = aws.client("lambda")
    client.put_function_event_invoke_config(FunctionName=function.name, MaximumRetryAttempts=0)
    stack.create(template(function, role(function), '{"fail": true}'))
    assert [item.attempts for item in aws.advance()] == [1]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"action": "lambda:GetFunction"}, "is not allowed to call lambda:InvokeFunction"),
        ({"service": "events"}, "does not trust scheduler.amazonaws.com"),
    ],
)
def test_role_without_permission_does_not_invoke_the_function(
    aws: LocalAws, function: Function, stack: Stack, options: dict[str, str], reason: str
) -> None:
    stack.create(template(function, role(function, **options)))
    (item,) = aws.advance()
    assert item.attempts == 0
    assert reason in (item.error or "")


def test_input_without_context_attributes_is_unchanged(
    aws: LocalAws, function: Function, stack: Stack
) -> None:
    text = '{"a": "<aws.scheduler.unknown>", "b": "<x>", "n": [1, {"<y>": null}]}'
    stack.create(template(function, role(function), text))
    assert [item.event for item in aws.advance()] == [json.loads(text)]


def test_input_that_is_not_json_does_not_invoke_the_function(
    aws: LocalAws, function: Function, stack: Stack
) -> None:
    stack.create(template(function, role(function), "<aws.scheduler.scheduled-time>"))
    (item,) = aws.advance()
    assert item.attempts == 0
    assert "is not JSON" in (item.error or "")


def test_context_attributes_name_the_schedule_and_the_execution(
    aws: LocalAws, function: Function, stack: Stack
) -> None:
    names = ("schedule-arn", "execution-id", "attempt-number")
    text = json.dumps({name: f"<aws.scheduler.{name}>" for name in names})
    stack.create(template(function, role(function), text))
    first, second = aws.advance(HOUR)
    assert first.event["schedule-arn"] == first.source
    assert first.event["attempt-number"] == "1"
    assert first.event["execution-id"] != second.event["execution-id"]


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({"ScheduleExpression": "at(2031-01-02T12:00:00)"}, ["2031-01-02T12:00:00"]),
        (
            {
                "ScheduleExpression": "at(2031-01-02T12:00:00)",
                "ScheduleExpressionTimezone": "Europe/Berlin",
            },
            ["2031-01-02T11:00:00"],
        ),
        (
            {"ScheduleExpression": "cron(30 6 * * ? *)"},
            ["2031-01-02T06:30:00", "2031-01-03T06:30:00"],
        ),
        (
            {"ScheduleExpression": "rate(1 day)", "StartDate": "2031-01-01T18:00:00Z"},
            ["2031-01-01T18:00:00", "2031-01-02T18:00:00"],
        ),
        (
            {"ScheduleExpression": "rate(1 day)", "EndDate": "2031-01-02T00:00:00Z"},
            ["2031-01-01T12:00:00"],
        ),
        ({"State": "DISABLED"}, []),
    ],
)
def test_each_expression_fires_at_its_times(
    aws: LocalAws,
    function: Function,
    stack: Stack,
    properties: dict[str, str],
    expected: list[str],
) -> None:
    aws.set_clock(datetime(2031, 1, 1, 12, tzinfo=UTC))
    stack.create(template(function, role(function), **properties))
    fired = [seconds(item.time) for item in aws.advance(timedelta(hours=44))]
    near = [datetime.fromisoformat(f"{time}+00:00") for time in expected]
    assert len(fired) == len(near)
    assert all(abs(a - b) < timedelta(minutes=1) for a, b in zip(fired, near, strict=True))


def test_an_updated_schedule_fires_with_its_new_input(
    aws: LocalAws, function: Function, stack: Stack
) -> None:
    stack.create(template(function, role(function)))
    aws.advance()
    stack.update(template(function, role(function), '{"new": true}'))
    assert [item.event for item in aws.advance(HOUR)] == [{"new": True}]


def test_a_deleted_schedule_does_not_fire(aws: LocalAws, function: Function, stack: Stack) -> None:
    stack.create(template(function, role(function)))
    stack.update({"Resources": {"Role": role(function)}})
    assert aws.advance(HOUR) == []


def test_refused_schedule_fails_its_stack(function: Function, stack: Stack) -> None:
    properties = template(function, role(function))
    properties["Resources"]["Schedule"]["Properties"]["Target"]["RoleArn"] = ""
    with pytest.raises(Exception, match="ROLLBACK"):
        stack.create(properties)
    assert "RoleArn" in stack.reasons()
