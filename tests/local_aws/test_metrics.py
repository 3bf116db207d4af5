"""Test printed metrics and their alarms over months of the account's time."""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local_aws import LocalAws
from tests.local_aws.functions import Function
from tests.local_aws.stack import Stack

pytestmark = pytest.mark.usefixtures("restored_clock")

SOURCE = """
import json, time
def handler(event, context):
    for id, value in event["values"].items():
        metadata = {
            "Timestamp": int((time.time() - event.get("age", 0)) * 1000),
            "CloudWatchMetrics": [{
                "Namespace": "Test",
                "Dimensions": [["StackName", "LogicalId"]],
                "Metrics": [{"Name": "DaysToExpiry"}],
            }],
        }
        print(json.dumps({"_aws": metadata, "StackName": "s", "LogicalId": id,
                          "DaysToExpiry": value}))
"""
DAY = timedelta(days=1)
START = datetime(2031, 1, 1, tzinfo=UTC)


@pytest.fixture
def function(aws: LocalAws) -> Iterator[Function]:
    with Function(aws, "prints", SOURCE) as function:
        aws.set_clock(START)
        yield function


@pytest.fixture
def id(request: pytest.FixtureRequest) -> str:
    """Return a logical ID for one test, because metrics cannot be deleted."""
    return str(request.node.name)


@pytest.fixture
def stack(aws: LocalAws) -> Iterator[Stack]:
    stack = Stack(aws, "alarms")
    yield stack
    stack.delete()


def dimensions(id: str) -> list[dict[str, str]]:
    return [{"Name": "StackName", "Value": "s"}, {"Name": "LogicalId", "Value": id}]


def template(id: str, **properties: Any) -> Any:
    defaults = {
        "AlarmName": "expiry",
        "Namespace": "Test",
        "MetricName": "DaysToExpiry",
        "Dimensions": dimensions(id),
        "Statistic": "Minimum",
        "Period": 86400,
        "EvaluationPeriods": 1,
        "Threshold": 30,
        "ComparisonOperator": "LessThanOrEqualToThreshold",
        "TreatMissingData": "ignore",
    }
    alarm = {"Type": "AWS::CloudWatch::Alarm", "Properties": defaults | properties}
    return {"Resources": {"Alarm": alarm}}


def open_to_sns(queue: str) -> str:
    principal = {"Service": "sns.amazonaws.com"}
    statement = {
        "Effect": "Allow",
        "Principal": principal,
        "Action": "sqs:SendMessage",
        "Resource": queue,
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def state(aws: LocalAws) -> str:
    (alarm,) = aws.client("cloudwatch").describe_alarms(AlarmNames=["expiry"])["MetricAlarms"]
    return str(alarm["StateValue"])


def test_printed_metric_is_stored_with_its_timestamp(
    aws: LocalAws, function: Function, id: str
) -> None:
    function.invoke({"values": {id: 12.5, "other": 1}})
    aws.advance(100 * DAY)
    function.invoke({"values": {id: -1}})

    client = aws.client("cloudwatch")
    metric = {"Namespace": "Test", "MetricName": "DaysToExpiry", "Dimensions": dimensions(id)}
    window = {"StartTime": START, "EndTime": START + 101 * DAY}
    points = client.get_metric_statistics(
        **metric, **window, Period=86400, Statistics=["Minimum", "SampleCount"]
    )["Datapoints"]
    found = {point["Timestamp"]: point["Minimum"] for point in points}
    assert found == {START: 12.5, START + 100 * DAY: -1.0}
    assert {point["SampleCount"] for point in points} == {1.0}

    statistic = {"Metric": metric, "Period": 86400, "Stat": "Minimum"}
    (result,) = client.get_metric_data(
        MetricDataQueries=[{"Id": "days", "MetricStat": statistic}], **window
    )["MetricDataResults"]
    assert dict(zip(result["Timestamps"], result["Values"], strict=True)) == found


@pytest.mark.parametrize("days", [15, -1])
def test_metric_with_an_invalid_timestamp_is_dropped(
    aws: LocalAws, function: Function, id: str, days: int
) -> None:
    function.invoke({"values": {id: 1}, "age": days * 86400})
    metric = {"Namespace": "Test", "MetricName": "DaysToExpiry", "Dimensions": dimensions(id)}
    window = {"StartTime": START - 30 * DAY, "EndTime": START + 30 * DAY}
    points = aws.client("cloudwatch").get_metric_statistics(
        **metric, **window, Period=86400, Statistics=["Minimum"]
    )
    assert points["Datapoints"] == []


def test_alarm_on_the_minimum_ignores_missing_data(
    aws: LocalAws, function: Function, stack: Stack, id: str
) -> None:
    stack.create(template(id))
    assert state(aws) == "INSUFFICIENT_DATA"
    function.invoke({"values": {id: 31, "other": 1}})
    aws.advance(DAY / 4)
    assert state(aws) == "OK"
    function.invoke({"values": {id: 29}})
    aws.advance()
    assert state(aws) == "ALARM"
    aws.advance(100 * DAY)
    assert state(aws) == "ALARM"
    function.invoke({"values": {id: 365}})
    aws.advance()
    assert state(aws) == "OK"


def test_alarm_on_missing_data_fires_after_its_warm_up_and_a_day(
    aws: LocalAws, function: Function, stack: Stack, id: str
) -> None:
    warm_up = {"WarmUpPeriodDurationInMinutes": 24 * 60}
    missing = {
        "Statistic": "SampleCount",
        "Threshold": 1,
        "ComparisonOperator": "LessThanThreshold",
        "TreatMissingData": "breaching",
    }
    stack.create(template(id, **missing, WarmUpConfiguration=warm_up))
    aws.advance(DAY / 2)
    assert state(aws) == "INSUFFICIENT_DATA"
    function.invoke({"values": {id: 365}})
    aws.advance()
    assert state(aws) == "OK"
    aws.advance(DAY * 0.9)
    assert state(aws) == "OK"
    aws.advance(DAY / 2)
    assert state(aws) == "ALARM"


def test_alarm_notifies_its_topic(aws: LocalAws, function: Function, stack: Stack, id: str) -> None:
    sns, sqs = aws.client("sns"), aws.client("sqs")
    topic = sns.create_topic(Name="expiry")["TopicArn"]
    queue = sqs.create_queue(QueueName="expiry")["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:{aws.account}:expiry"
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": open_to_sns(arn)})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    stack.create(template(id, AlarmActions=[topic]))
    function.invoke({"values": {id: 3}})
    aws.advance()
    (message,) = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=5)["Messages"]
    notification = json.loads(json.loads(message["Body"])["Message"])
    assert (notification["AlarmName"], notification["NewStateValue"]) == ("expiry", "ALARM")
    assert notification["StateChangeTime"].startswith("2031-01-01T00:0")
    sqs.delete_queue(QueueUrl=queue)
    sns.delete_topic(TopicArn=topic)


def test_log_is_read_to_its_end(aws: LocalAws) -> None:
    lines = 200_000
    source = f"def handler(event, context):\n    for line in range({lines}):\n        print(line)\n"
    with Function(aws, "logs", source) as function:
        response = aws.client("lambda").invoke(FunctionName=function.name, LogType="Tail")
    tail = base64.b64decode(response["LogResult"]).decode().splitlines()
    assert str(lines - 1) in tail
    assert not any("local_aws" in line for line in tail)
