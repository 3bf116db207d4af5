"""The schedule and the EventBridge rule that run the rotation."""

import json

import aws_cdk as cdk
import pytest
from aws_cdk import aws_apigateway as apigateway

from tests.unit.rotating.support import (
    FUNCTION,
    RULE,
    SCHEDULE,
    flat,
    rest_api,
    rotating,
    synthesize,
)
from tests.unit.support import references, the_only


def test_schedule(stack: cdk.Stack, api: apigateway.RestApi) -> None:
    second = rest_api(stack, "Second")
    rotating(stack, api, description="a <b>", tags={"team": "edge"})
    rotating(stack, second, id="Other", trust_parameter_name="/other")
    template = synthesize(stack)
    function, _ = the_only(template, FUNCTION)
    _, schedule = the_only(template, SCHEDULE)
    found = schedule["Properties"]
    assert found["ScheduleExpression"] == "rate(1 hour)"
    assert found["Target"]["Arn"] == {"Fn::GetAtt": [function, "Arn"]}
    assert found["Target"]["RetryPolicy"] == {
        "MaximumEventAgeInSeconds": 3600,
        "MaximumRetryAttempts": 2,
    }
    task = json.loads(flat(found["Target"]["Input"]))
    assert task.keys() == {"task", "time", "resources"}
    assert task["task"] == "rotate"
    assert task["time"] == "<aws.scheduler.scheduled-time>"
    for described in task["resources"]:
        assert described.pop("StackId") == "<AWS::StackId>"
        desired = template["Resources"][described.pop("LogicalId")]["Properties"]
        assert described.pop("Stages") == [flat(path) for path in desired["Stages"]]
        ignored = {"ServiceToken", "ServiceTimeout", "StageSettings", "Stages"}
        assert described == {key: it for key, it in desired.items() if key not in ignored}
    assert len(task["resources"]) == 2


def test_schedule_can_invoke_only_this_function(stack: cdk.Stack, api: apigateway.RestApi) -> None:
    rotating(stack, api)
    template = synthesize(stack)
    function, _ = the_only(template, FUNCTION)
    _, schedule = the_only(template, SCHEDULE)
    [role] = references(schedule["Properties"]["Target"]["RoleArn"])
    [inline] = template["Resources"][role]["Properties"]["Policies"]
    assert inline["PolicyDocument"]["Statement"] == [
        {
            "Effect": "Allow",
            "Action": "lambda:InvokeFunction",
            "Resource": {"Fn::GetAtt": [function, "Arn"]},
        }
    ]


def test_rule(stack: cdk.Stack, api: apigateway.RestApi) -> None:
    rotating(stack, api, description='a <b> "c"')
    template = synthesize(stack)
    function, _ = the_only(template, FUNCTION)
    rule_id, rule = the_only(template, RULE)
    pattern = rule["Properties"]["EventPattern"]
    assert pattern["source"] == ["aws.cloudformation"]
    assert pattern["detail-type"] == ["CloudFormation Stack Status Change"]
    assert pattern["detail"]["stack-id"] == [{"Ref": "AWS::StackId"}]
    assert {"UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"} <= set(
        pattern["detail"]["status-details"]["status"]
    )
    [target] = rule["Properties"]["Targets"]
    assert target["Arn"] == {"Fn::GetAtt": [function, "Arn"]}
    transformer = target["InputTransformer"]
    assert transformer["InputPathsMap"] == {"time": "$.time"}
    _, schedule = the_only(template, SCHEDULE)
    scheduled = json.loads(flat(schedule["Properties"]["Target"]["Input"]))
    text = flat(transformer["InputTemplate"]).replace("<time>", '"2027-01-01T00:00:00Z"')
    assert [*json.loads(text)] == ["task", "time", "resources"]
    assert json.loads(text.replace("\\u003cAWS", "<AWS"))["task"] == "rotate"
    assert json.loads(text)["resources"] == scheduled["resources"]
    _, permission = the_only(template, "AWS::Lambda::Permission")
    assert permission["Properties"]["SourceArn"] == {"Fn::GetAtt": [rule_id, "Arn"]}
    assert permission["Properties"]["Principal"] == "events.amazonaws.com"


def test_refuses_a_rule_whose_input_is_too_long(
    app: cdk.App, stack: cdk.Stack, api: apigateway.RestApi
) -> None:
    rotating(stack, api, tags={f"key-{number}": "x" * 256 for number in range(42)})
    with pytest.raises(RuntimeError, match=r"characters as JSON, and EventBridge takes 8192"):
        app.synth()
