"""Deploy a monitored certificate, and invoke the function with the schedule's input.

The schedule may invoke it too, so there may be more lines than the tests expect.
"""

import json
from dataclasses import dataclass
from typing import Any

from tests.e2e.support import ScenarioContext, scenario

STACK = "Monitoring"


@dataclass(frozen=True)
class Outcome:
    """The deployed resources, and the metric lines of the deploy and of two checks."""

    schedule: dict[str, Any]
    alarms: list[dict[str, Any]]
    dimensions: dict[str, str]
    at_create: list[dict[str, Any]]
    checked: list[dict[str, Any]]
    after_deletion_by_hand: list[dict[str, Any]]
    left: list[Any]


@scenario
def monitored(context: ScenarioContext) -> Outcome:
    app = context.example("monitoring.py")
    app.deploy()
    resources = context.aws.client("cloudformation").describe_stack_resources(StackName=STACK)
    by_type = {it["ResourceType"]: it for it in resources["StackResources"]}
    certificate = by_type["Custom::ApiGatewayClientCertificate"]
    [schedule_name] = [
        it["Name"]
        for it in context.aws.client("scheduler").list_schedules()["Schedules"]
        if STACK in it["Name"]
    ]
    schedule = context.aws.client("scheduler").get_schedule(Name=schedule_name)
    alarms = context.aws.client("cloudwatch").describe_alarms(AlarmNamePrefix=STACK)["MetricAlarms"]
    lines = _metric_lines(context, schedule)
    _invoke(context, schedule)
    checked = _metric_lines(context, schedule)[len(lines) :]
    context.delete(certificate["PhysicalResourceId"])
    _invoke(context, schedule)
    after_deletion = _metric_lines(context, schedule)[len(lines) + len(checked) :]
    app.destroy()
    dimensions = {"StackName": STACK, "LogicalId": certificate["LogicalResourceId"]}
    left = [
        it
        for it in context.aws.client("scheduler").list_schedules()["Schedules"]
        if STACK in it["Name"]
    ]
    return Outcome(schedule, alarms, dimensions, lines, checked, after_deletion, left)


def _invoke(context: ScenarioContext, schedule: dict[str, Any]) -> None:
    """Invoke the schedule's target with the schedule's input."""
    function, payload = schedule["Target"]["Arn"], schedule["Target"]["Input"]
    result = context.aws.client("lambda").invoke(FunctionName=function, Payload=payload)
    assert "FunctionError" not in result, result["Payload"].read()


def _metric_lines(context: ScenarioContext, schedule: dict[str, Any]) -> list[dict[str, Any]]:
    function = context.aws.client("lambda").get_function_configuration(
        FunctionName=schedule["Target"]["Arn"]
    )
    events = context.aws.client("logs").filter_log_events(
        logGroupName=function["LoggingConfig"]["LogGroup"]
    )["events"]
    messages = [event["message"] for event in events]
    return [json.loads(it) for it in messages if it.startswith("{") and "CloudWatchMetrics" in it]


def assert_valid(lines: list[dict[str, Any]], dimensions: dict[str, str]) -> None:
    """Check that there are lines, and that each reports the certificate, which was just issued."""
    assert lines
    for line in lines:
        assert dimensions.items() <= line.items()
        assert 364 < line["DaysToExpiry"] <= 365


def test_create_prints_the_metric_with_the_alarms_dimensions(monitored: Outcome) -> None:
    assert_valid(monitored.at_create, monitored.dimensions)
    assert len(monitored.alarms) == 2
    [directive] = monitored.at_create[0]["_aws"]["CloudWatchMetrics"]
    for alarm in monitored.alarms:
        assert alarm["Namespace"] == directive["Namespace"]
        assert {it["Name"]: it["Value"] for it in alarm["Dimensions"]} == monitored.dimensions


def test_check_with_the_schedules_input_prints_the_metric(monitored: Outcome) -> None:
    assert json.loads(monitored.schedule["Target"]["Input"])["task"] == "monitor"
    assert_valid(monitored.checked, monitored.dimensions)


def test_check_reports_a_certificate_deleted_by_hand(monitored: Outcome) -> None:
    line = monitored.after_deletion_by_hand[-1]
    assert monitored.dimensions.items() <= line.items()
    assert line["DaysToExpiry"] == -1


def test_destroy_deletes_the_schedule(monitored: Outcome) -> None:
    assert monitored.left == []
