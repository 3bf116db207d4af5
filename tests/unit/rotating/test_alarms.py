"""Alarms on a rotating certificate."""

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway

from tests.unit.rotating.support import FUNCTION, ROTATING, SCHEDULE, rotating, synthesize
from tests.unit.support import of_type, the_only


def test_alarm_on_rotation_held(stack: cdk.Stack, api: apigateway.RestApi) -> None:
    rotating(stack, api).alarm_on_rotation_held("Held", alarm_name="held")
    template = synthesize(stack)
    [logical_id] = of_type(template, ROTATING)
    _, alarm = the_only(template, "AWS::CloudWatch::Alarm")
    found = alarm["Properties"]
    assert found["MetricName"] == "RotationHeld"
    assert {it["Name"]: it["Value"] for it in found["Dimensions"]} == {
        "StackName": {"Ref": "AWS::StackName"},
        "LogicalId": logical_id,
    }
    assert (found["Statistic"], found["Period"], found["EvaluationPeriods"]) == ("Minimum", 3600, 3)
    assert found["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
    assert found["Threshold"] == 1
    assert found["TreatMissingData"] == "ignore"
    assert found["AlarmName"] == "held"


def test_alarm_on_check_failure_follows_the_hourly_runs(
    stack: cdk.Stack, api: apigateway.RestApi
) -> None:
    rotating(stack, api).alarm_on_check_failure("Failure")
    template = synthesize(stack)
    _, alarm = the_only(template, "AWS::CloudWatch::Alarm")
    assert (alarm["Properties"]["Period"], alarm["Properties"]["EvaluationPeriods"]) == (3600, 2)


def test_monitoring_adds_no_second_schedule(stack: cdk.Stack, api: apigateway.RestApi) -> None:
    certificate = rotating(stack, api)
    certificate.alarm_on_expiry("Expiry")
    certificate.metric_days_to_expiry()
    template = synthesize(stack)
    the_only(template, SCHEDULE)
    the_only(template, FUNCTION)
