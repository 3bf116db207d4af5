"""The schedule, the metric, the alarms and the widget of monitored certificates."""

import gc
import json
import subprocess
import sys
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk.assertions import Template
from constructs import Construct

from cdk_apigateway_client_certificate import ClientCertificate, IClientCertificate
from tests.unit.support import CERTIFICATE, Json, of_type, references, the_only

ALARM, SCHEDULE = "AWS::CloudWatch::Alarm", "AWS::Scheduler::Schedule"
LOOKUP = "Custom::ApiGatewayClientCertificateLookup"
OWN_NAME = {"Ref": "AWS::StackName"}


def known(scope: Construct, id: str = "Known") -> IClientCertificate:
    return ClientCertificate.from_client_certificate_attributes(
        scope, id, client_certificate_id="abc123"
    )


def template_of(stack: cdk.Stack) -> Json:
    return Template.from_stack(stack).to_json()


def schedule_input(template: Json) -> Json:
    """Return the schedule's input, with each reference as a string of JSON."""
    _, schedule = the_only(template, SCHEDULE)
    text = schedule["Properties"]["Target"]["Input"]
    parts = text["Fn::Join"][1] if isinstance(text, dict) else [text]
    escaped = (it if isinstance(it, str) else json.dumps(json.dumps(it))[1:-1] for it in parts)
    return json.loads("".join(escaped))


def dimensions(properties: Json) -> dict[str, Any]:
    return {it["Name"]: it["Value"] for it in properties["Dimensions"]}


def test_unmonitored_stack_has_no_further_resource(stack: cdk.Stack) -> None:
    ClientCertificate(stack, "Certificate")
    known(stack)
    assert {it["Type"] for it in template_of(stack)["Resources"].values()} == {
        CERTIFICATE,
        "AWS::IAM::Role",
        "AWS::Lambda::Function",
        "AWS::Logs::LogGroup",
    }


@pytest.mark.parametrize(
    "monitor",
    [
        lambda it: it.metric_days_to_expiry(),
        lambda it: it.alarm_on_expiry("Alarm"),
        lambda it: it.alarm_on_check_failure("Alarm"),
        lambda it: it.days_to_expiry_widget(),
    ],
    ids=["metric", "expiry alarm", "check-failure alarm", "widget"],
)
def test_each_method_adds_the_certificate_to_the_schedule(stack: cdk.Stack, monitor: Any) -> None:
    monitor(ClientCertificate(stack, "Certificate"))
    template = template_of(stack)
    id, _ = the_only(template, CERTIFICATE)
    assert schedule_input(template) == {
        "task": "monitor",
        "time": "<aws.scheduler.scheduled-time>",
        "certificates": [
            {
                "StackName": json.dumps(OWN_NAME),
                "LogicalId": id,
                "ClientCertificateId": json.dumps({"Fn::GetAtt": [id, "ClientCertificateId"]}),
            }
        ],
    }


def test_stack_has_one_schedule_that_lists_each_certificate_once(stack: cdk.Stack) -> None:
    created = [ClientCertificate(stack, "First"), ClientCertificate(stack, "Second")]
    looked_up = ClientCertificate.from_client_certificate_id(stack, "LookedUp", "def456")
    ClientCertificate(stack, "NotMonitored")
    for certificate in (*created, looked_up, known(stack)):
        certificate.alarm_on_expiry("Expiry")
        certificate.alarm_on_check_failure("CheckFailure")
        certificate.metric_days_to_expiry()
    template = template_of(stack)
    listed = schedule_input(template)["certificates"]
    first, second = (it for it in of_type(template, CERTIFICATE) if not it.startswith("Not"))
    looked_up_id, _ = the_only(template, LOOKUP)
    assert [it["LogicalId"] for it in listed] == [first, second, looked_up_id, "StackKnownC964D66B"]
    assert listed[-1]["ClientCertificateId"] == "abc123"
    assert len(of_type(template, ALARM)) == 8


def test_schedule_invokes_the_function_every_12_hours(stack: cdk.Stack) -> None:
    ClientCertificate(stack, "Certificate").metric_days_to_expiry()
    template = template_of(stack)
    function, _ = the_only(template, "AWS::Lambda::Function")
    _, schedule = the_only(template, SCHEDULE)
    properties = schedule["Properties"]
    assert properties["ScheduleExpression"] == "rate(12 hours)"
    assert properties["FlexibleTimeWindow"] == {"Mode": "OFF"}
    target = properties["Target"]
    assert target["Arn"] == {"Fn::GetAtt": [function, "Arn"]}
    assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 2}
    role = template["Resources"][target["RoleArn"]["Fn::GetAtt"][0]]["Properties"]
    [policy] = role["Policies"]
    assert policy["PolicyDocument"]["Statement"] == [
        {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": target["Arn"]}
    ]
    assert "ManagedPolicyArns" not in role
    [trust] = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "scheduler.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def test_schedule_is_deleted_before_function_and_certificate(stack: cdk.Stack) -> None:
    ClientCertificate(stack, "Certificate").metric_days_to_expiry()
    template = template_of(stack)
    schedule_id, schedule = the_only(template, SCHEDULE)
    certificate, _ = the_only(template, CERTIFICATE)
    function, _ = the_only(template, "AWS::Lambda::Function")
    assert {certificate, function} <= references(schedule)
    assert schedule_id not in references(template)


def test_dimensions_follow_an_overridden_logical_id(stack: cdk.Stack) -> None:
    certificate = ClientCertificate(stack, "Certificate")
    certificate.alarm_on_expiry("Expiry")
    resource = certificate.node.default_child
    assert isinstance(resource, cdk.CfnResource)
    resource.override_logical_id("Chosen")
    template = template_of(stack)
    _, alarm = the_only(template, ALARM)
    assert list(of_type(template, CERTIFICATE)) == ["Chosen"]
    expected = {"StackName": OWN_NAME, "LogicalId": "Chosen"}
    assert dimensions(alarm["Properties"]) == expected
    assert schedule_input(template)["certificates"][0]["LogicalId"] == "Chosen"


def test_known_certificate_needs_the_function_only_when_monitored(stack: cdk.Stack) -> None:
    known(stack).alarm_on_expiry("Expiry")
    template = template_of(stack)
    _, alarm = the_only(template, ALARM)
    assert dimensions(alarm["Properties"])["LogicalId"] == "StackKnownC964D66B"
    the_only(template, "AWS::Lambda::Function")
    assert of_type(template, CERTIFICATE) == {}


def test_expiry_alarm_has_the_given_threshold(stack: cdk.Stack) -> None:
    alarm = ClientCertificate(stack, "Certificate").alarm_on_expiry(
        "Expiry", within=cdk.Duration.hours(36), alarm_name="orders"
    )
    assert isinstance(alarm, cloudwatch.Alarm)
    _, resource = the_only(template_of(stack), ALARM)
    properties = resource["Properties"]
    assert properties.pop("AlarmDescription").startswith("Client certificate Stack/Certificate ")
    assert dimensions(properties).keys() == {"StackName", "LogicalId"}
    del properties["Dimensions"]
    assert properties == {
        "AlarmName": "orders",
        "Namespace": "ApiGatewayClientCertificate",
        "MetricName": "DaysToExpiry",
        "Statistic": "Minimum",
        "Period": 86400,
        "EvaluationPeriods": 1,
        "ComparisonOperator": "LessThanOrEqualToThreshold",
        "Threshold": 1.5,
        "TreatMissingData": "ignore",
    }


def test_expiry_alarm_fires_30_days_before_by_default(stack: cdk.Stack) -> None:
    ClientCertificate(stack, "Certificate").alarm_on_expiry("Expiry")
    _, alarm = the_only(template_of(stack), ALARM)
    assert alarm["Properties"]["Threshold"] == 30


def test_check_failure_alarm_fires_when_data_is_missing(stack: cdk.Stack) -> None:
    ClientCertificate(stack, "Certificate").alarm_on_check_failure("CheckFailure")
    _, resource = the_only(template_of(stack), ALARM)
    properties = resource["Properties"]
    assert "Stack/Certificate has succeeded for 24 hours" in properties.pop("AlarmDescription")
    assert dimensions(properties).keys() == {"StackName", "LogicalId"}
    del properties["Dimensions"]
    assert properties == {
        "Namespace": "ApiGatewayClientCertificate",
        "MetricName": "DaysToExpiry",
        "Statistic": "SampleCount",
        "Period": 43200,
        "EvaluationPeriods": 2,
        "ComparisonOperator": "LessThanThreshold",
        "Threshold": 1,
        "TreatMissingData": "breaching",
        "WarmUpConfiguration": {"WarmUpPeriodDurationInMinutes": 1440},
    }


@pytest.mark.parametrize(
    ("within", "days"),
    [
        (cdk.Duration.days(0), "0"),
        (cdk.Duration.days(366), "366"),
        (cdk.Duration.hours(365 * 24 + 12), "365.5"),
    ],
    ids=["zero", "366-days", "365.5-days"],
)
def test_refuses_within_outside_the_validity(
    stack: cdk.Stack, within: cdk.Duration, days: str
) -> None:
    certificate = ClientCertificate(stack, "Certificate")
    message = f"^Stack/Certificate: within is {days} days, but a certificate is valid for 365"
    with pytest.raises(ValueError, match=message):
        certificate.alarm_on_expiry("Expiry", within=within)
    with pytest.raises(ValueError, match=message):
        certificate.days_to_expiry_widget(within=within)


def test_accepts_within_of_365_days(stack: cdk.Stack) -> None:
    ClientCertificate(stack, "Certificate").alarm_on_expiry("Expiry", within=cdk.Duration.days(365))


def test_alarms_accept_cloudwatch_options(stack: cdk.Stack) -> None:
    certificate = ClientCertificate(stack, "Certificate")
    for alarm in (certificate.alarm_on_expiry, certificate.alarm_on_check_failure):
        alarm(alarm.__name__, alarm_description="call 112", actions_enabled=False)
    alarms = of_type(template_of(stack), ALARM).values()
    assert [it["Properties"]["AlarmDescription"] for it in alarms] == ["call 112"] * 2
    assert [it["Properties"]["ActionsEnabled"] for it in alarms] == [False] * 2


def test_metric_accepts_cloudwatch_options(stack: cdk.Stack) -> None:
    metric = ClientCertificate(stack, "Certificate").metric_days_to_expiry(
        statistic="Maximum", label="orders"
    )
    assert (metric.namespace, metric.metric_name) == ("ApiGatewayClientCertificate", "DaysToExpiry")
    assert (metric.statistic, metric.label) == ("Maximum", "orders")
    assert metric.period.to_days() == 1


def dashboard_body(template: Json) -> str:
    _, dashboard = the_only(template, "AWS::CloudWatch::Dashboard")
    return json.dumps(dashboard["Properties"]["DashboardBody"])


def test_widget_draws_the_metric_and_a_line_at_the_threshold(stack: cdk.Stack) -> None:
    certificate = ClientCertificate(stack, "Certificate")
    widget = certificate.days_to_expiry_widget(within=cdk.Duration.days(45), width=12)
    cloudwatch.Dashboard(stack, "Dashboard", widgets=[[widget]])
    template = template_of(stack)
    body = dashboard_body(template)
    id, _ = the_only(template, CERTIFICATE)
    for text in ("DaysToExpiry", id, '\\"value\\":45', '\\"width\\":12', "AWS::StackName"):
        assert text in body, text


def test_dashboard_of_another_stack_names_the_certificates_stack() -> None:
    app = cdk.App()
    home, other = (
        cdk.Stack(app, name, env=cdk.Environment(account="1" * 12, region=region))
        for name, region in (("Home", "eu-west-1"), ("Other", "us-east-1"))
    )
    widget = ClientCertificate(home, "Certificate").days_to_expiry_widget()
    cloudwatch.Dashboard(other, "Dashboard", widgets=[[widget]])
    body = dashboard_body(template_of(other))
    assert '\\"StackName\\",\\"Home\\"' in body
    assert '\\"region\\":\\"eu-west-1\\"' in body
    assert "Outputs" not in template_of(home)


def test_nested_stack_has_its_own_schedule_and_stack_name() -> None:
    parent = cdk.Stack(cdk.App(), "Parent")
    nested = cdk.NestedStack(parent, "Nested")
    for scope in (parent, nested):
        ClientCertificate(scope, "Certificate").alarm_on_expiry("Expiry")
    for template in map(template_of, (parent, nested)):
        _, alarm = the_only(template, ALARM)
        assert dimensions(alarm["Properties"])["StackName"] == OWN_NAME
        [listed] = schedule_input(template)["certificates"]
        assert listed["StackName"] == json.dumps(OWN_NAME)


def test_schedule_is_kept_when_the_stack_object_is_collected() -> None:
    """An app may keep only a construct of the stack, so that Python collects the stack object."""
    app = cdk.App()
    scope = Construct(cdk.Stack(app, "Stack"), "Team")
    for id in ("First", "Second"):
        gc.collect()
        ClientCertificate(scope, id).alarm_on_expiry("Expiry")
    gc.collect()
    assert len(schedule_input(template_of(cdk.Stack.of(scope)))["certificates"]) == 2


def test_import_of_the_package_does_not_import_cloudwatch_or_scheduler() -> None:
    loaded = "; print(*sys.modules)"
    # An old aws-cdk-lib imports all of its modules itself.
    code = f"import sys, aws_cdk{loaded}\nimport cdk_apigateway_client_certificate{loaded}"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    before, after = (set(line.split()) for line in run.stdout.splitlines())
    assert not {"aws_cdk.aws_cloudwatch", "aws_cdk.aws_scheduler"} & (after - before)
