"""Check that EventBridge rules receive CloudFormation's stack status changes."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import WaiterError

from local_aws import Invocation, LocalAws
from tests.local_aws.functions import Function
from tests.local_aws.stack import Stack

pytestmark = pytest.mark.usefixtures("restored_clock")

SOURCE = "def handler(event, context): return None"
ENDS = ["UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"]


@pytest.fixture
def function(aws: LocalAws) -> Iterator[Function]:
    with Function(aws, "on-status", SOURCE) as function:
        yield function


@pytest.fixture
def watched(aws: LocalAws) -> Iterator[Stack]:
    stack = Stack(aws, "watched")
    yield stack
    stack.delete()
    aws.advance()


@pytest.fixture
def rules(aws: LocalAws) -> Iterator[Stack]:
    stack = Stack(aws, "rules")
    yield stack
    stack.delete()
    aws.advance()


def template(
    function: Function, pattern: Any, transformer: Any = None, allowed: bool = True
) -> Any:
    target: dict[str, Any] = {"Id": "function", "Arn": function.arn}
    if transformer:
        target["InputTransformer"] = transformer
    resources: dict[str, Any] = {
        "Rule": {
            "Type": "AWS::Events::Rule",
            "Properties": {"EventPattern": pattern, "Targets": [target]},
        }
    }
    if allowed:
        resources["Permission"] = {
            "Type": "AWS::Lambda::Permission",
            "Properties": {
                "Action": "lambda:InvokeFunction",
                "FunctionName": function.name,
                "Principal": "events.amazonaws.com",
                "SourceArn": {"Fn::GetAtt": ["Rule", "Arn"]},
            },
        }
    return {"Resources": resources}


def pattern(stack: str, *statuses: str) -> Any:
    prefix = f"arn:aws:cloudformation:us-east-1:000000000000:stack/{stack}/"
    details: dict[str, Any] = {"stack-id": [{"prefix": prefix}]}
    if statuses:
        details["status-details"] = {"status": list(statuses)}
    return {
        "source": ["aws.cloudformation"],
        "detail-type": ["CloudFormation Stack Status Change"],
        "detail": details,
    }


def parameter(value: Any) -> Any:
    properties = {"Type": "String", "Value": value, "Name": "/watched"}
    return {"Resources": {"Parameter": {"Type": "AWS::SSM::Parameter", "Properties": properties}}}


def statuses(invocations: list[Invocation]) -> list[str]:
    return [item.event["detail"]["status-details"]["status"] for item in invocations]


def test_each_status_of_a_stack_is_an_event(
    aws: LocalAws, function: Function, rules: Stack, watched: Stack
) -> None:
    rules.create(template(function, pattern("watched")))
    aws.set_clock(datetime(2031, 1, 1, tzinfo=UTC))
    watched.create(parameter("a"))

    invocations = aws.advance()
    assert statuses(invocations) == ["CREATE_IN_PROGRESS", "CREATE_COMPLETE"]
    event = invocations[1].event
    stack_id = event["detail"]["stack-id"]
    assert stack_id.startswith("arn:aws:cloudformation:us-east-1:000000000000:stack/watched/")
    assert event["resources"] == [stack_id]
    assert event["source"] == "aws.cloudformation"
    assert event["detail-type"] == "CloudFormation Stack Status Change"
    assert event["time"].startswith("2031-01-01T00:0")
    assert event["account"] == aws.account
    assert invocations[1].source.startswith("arn:aws:events:us-east-1:000000000000:rule/")


def test_rule_invokes_its_function_with_the_transformed_event(
    aws: LocalAws, function: Function, rules: Stack, watched: Stack
) -> None:
    transformer = {
        "InputPathsMap": {"time": "$.time", "status": "$.detail.status-details.status"},
        "InputTemplate": '{"task":"rotate","time":<time>,"resources":[{"LogicalId":"<status>"}]}',
    }
    rules.create(template(function, pattern("watched", *ENDS), transformer))
    watched.create(parameter("a"))
    assert aws.advance() == []
    watched.update(parameter("b"))
    (item,) = aws.advance()
    time = datetime.fromisoformat(item.event.pop("time"))
    assert abs((time - aws.now()).total_seconds()) < 60
    assert item.event == {"task": "rotate", "resources": [{"LogicalId": "UPDATE_COMPLETE"}]}


def test_update_rollback_emits_an_event(
    aws: LocalAws, function: Function, rules: Stack, watched: Stack
) -> None:
    rules.create(template(function, pattern("watched", *ENDS)))
    watched.create(parameter("a"))
    broken = parameter("b")
    broken["Resources"]["Broken"] = {
        "Type": "AWS::SSM::Parameter",
        "Properties": {"Type": "String", "Value": "x", "Name": "aws-reserved"},
        "DependsOn": "Parameter",
    }
    with pytest.raises(WaiterError):
        watched.update(broken)
    assert statuses(aws.advance()) == ["UPDATE_ROLLBACK_COMPLETE"]


def test_executed_change_set_emits_an_event(
    aws: LocalAws, function: Function, rules: Stack, watched: Stack
) -> None:
    rules.create(template(function, pattern("watched", *ENDS)))
    watched.create(parameter("a"))
    watched.prepare(parameter("b"))
    watched.execute()
    assert statuses(aws.advance()) == ["UPDATE_COMPLETE"]


def test_setting_the_clock_returns_the_invocations(
    aws: LocalAws, function: Function, rules: Stack, watched: Stack
) -> None:
    rules.create(template(function, pattern("watched", "CREATE_COMPLETE")))
    watched.create(parameter("a"))
    assert statuses(aws.set_clock(datetime(2031, 1, 1, tzinfo=UTC))) == ["CREATE_COMPLETE"]
    assert aws.advance() == []


def test_another_stack_does_not_match(
    aws: LocalAws, function: Function, rules: Stack, watched: Stack
) -> None:
    rules.create(template(function, pattern("other")))
    watched.create(parameter("a"))
    assert aws.advance() == []


def test_rule_without_permission_does_not_invoke_the_function(
    aws: LocalAws, function: Function, rules: Stack, watched: Stack
) -> None:
    rules.create(template(function, pattern("watched", "CREATE_COMPLETE"), allowed=False))
    watched.create(parameter("a"))
    (item,) = aws.advance()
    assert item.attempts == 0
    assert "has no permission" in (item.error or "")


def test_permission_covers_only_its_rule(
    aws: LocalAws, function: Function, rules: Stack, watched: Stack
) -> None:
    document = template(function, pattern("watched", "CREATE_COMPLETE"))
    arn = "arn:aws:events:us-east-1:000000000000:rule/other"
    document["Resources"]["Permission"]["Properties"]["SourceArn"] = arn
    rules.create(document)
    watched.create(parameter("a"))
    assert [item.attempts for item in aws.advance()] == [0]
