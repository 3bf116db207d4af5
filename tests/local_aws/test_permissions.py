"""Check the permissions that each call of the rotation needs."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_aws import LocalAws

API, NAME = "arn:aws:apigateway:us-east-1::", "/orders/trusted-clients"
PARAMETER = f"arn:aws:ssm:us-east-1:000000000000:parameter{NAME}"
BUS = "arn:aws:events:us-east-1:000000000000:event-bus/default"
SCHEDULE = "arn:aws:scheduler:us-east-1:000000000000:schedule"
RESOURCE = {"ResourceType": "Parameter", "ResourceId": NAME}
TAGS = [{"Key": "a", "Value": "b"}]
PATCH = [{"op": "replace", "path": "/description", "value": "x"}]
ENTRY = {"Source": "s", "DetailType": "t", "Detail": "{}"}
TARGET = {"Arn": "arn:aws:lambda:us-east-1:000000000000:function:f", "RoleArn": "arn:x"}
Call = Callable[[Any], Any]
Statement = tuple[str, str]

# Each call: service, call, and the statements that it needs. The resources need not exist, since
# permissions are checked first.
CALLS: dict[str, tuple[str, Call, list[Statement]]] = {
    "get parameter": (
        "ssm",
        lambda client: client.get_parameter(Name=NAME),
        [("ssm:GetParameter", PARAMETER)],
    ),
    "put parameter": (
        "ssm",
        lambda client: client.put_parameter(Name=NAME, Value="x", Type="String", Overwrite=True),
        [("ssm:PutParameter", PARAMETER)],
    ),
    "put parameter with tags": (
        "ssm",
        lambda client: client.put_parameter(Name=NAME, Value="x", Type="String", Tags=TAGS),
        [("ssm:PutParameter", PARAMETER), ("ssm:AddTagsToResource", PARAMETER)],
    ),
    "delete parameter": (
        "ssm",
        lambda client: client.delete_parameter(Name=NAME),
        [("ssm:DeleteParameter", PARAMETER)],
    ),
    "list tags": (
        "ssm",
        lambda client: client.list_tags_for_resource(**RESOURCE),
        [("ssm:ListTagsForResource", PARAMETER)],
    ),
    "add tags": (
        "ssm",
        lambda client: client.add_tags_to_resource(**RESOURCE, Tags=TAGS),
        [("ssm:AddTagsToResource", PARAMETER)],
    ),
    "put events": (
        "events",
        lambda client: client.put_events(Entries=[ENTRY]),
        [("events:PutEvents", BUS)],
    ),
    "test a method": (
        "apigateway",
        lambda client: client.test_invoke_method(restApiId="a", resourceId="r", httpMethod="GET"),
        [("apigateway:POST", f"{API}/restapis/a/resources/r/methods/GET")],
    ),
    "get a stage": (
        "apigateway",
        lambda client: client.get_stage(restApiId="a", stageName="prod"),
        [("apigateway:GET", f"{API}/restapis/a/stages/prod")],
    ),
    "update a stage": (
        "apigateway",
        lambda client: client.update_stage(restApiId="a", stageName="prod", patchOperations=PATCH),
        [("apigateway:PATCH", f"{API}/restapis/a/stages/prod")],
    ),
    "list APIs": (
        "apigateway",
        lambda client: client.get_rest_apis(),
        [("apigateway:GET", f"{API}/restapis")],
    ),
    "list stages": (
        "apigateway",
        lambda client: client.get_stages(restApiId="a"),
        [("apigateway:GET", f"{API}/restapis/a/stages")],
    ),
    "get a WebSocket stage": (
        "apigatewayv2",
        lambda client: client.get_stage(ApiId="a", StageName="prod"),
        [("apigateway:GET", f"{API}/apis/a/stages/prod")],
    ),
    "update a WebSocket stage": (
        "apigatewayv2",
        lambda client: client.update_stage(ApiId="a", StageName="prod", Description="x"),
        [("apigateway:PATCH", f"{API}/apis/a/stages/prod")],
    ),
    "list WebSocket APIs": (
        "apigatewayv2",
        lambda client: client.get_apis(),
        [("apigateway:GET", f"{API}/apis")],
    ),
    "list WebSocket stages": (
        "apigatewayv2",
        lambda client: client.get_stages(ApiId="a"),
        [("apigateway:GET", f"{API}/apis/a/stages")],
    ),
    "get a schedule": (
        "scheduler",
        lambda client: client.get_schedule(Name="n", GroupName="g"),
        [("scheduler:GetSchedule", f"{SCHEDULE}/g/n")],
    ),
    "delete a schedule": (
        "scheduler",
        lambda client: client.delete_schedule(Name="n"),
        [("scheduler:DeleteSchedule", f"{SCHEDULE}/default/n")],
    ),
    "create a schedule": (
        "scheduler",
        lambda client: client.create_schedule(
            Name="n",
            GroupName="g",
            ScheduleExpression="rate(1 hour)",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target=TARGET,
        ),
        [("scheduler:CreateSchedule", f"{SCHEDULE}/g/n")],
    ),
}


class User:
    """An IAM user with one policy."""

    def __init__(self, aws: LocalAws) -> None:
        self._aws, self._iam = aws, aws.client("iam")
        self._iam.create_user(UserName="rotates")
        self._key = self._iam.create_access_key(UserName="rotates")["AccessKey"]

    def allow(self, *statements: Statement) -> None:
        allowed = [
            {"Effect": "Allow", "Action": action, "Resource": resource}
            for action, resource in statements
        ]
        document = json.dumps({"Version": "2012-10-17", "Statement": allowed})
        self._iam.put_user_policy(UserName="rotates", PolicyName="all", PolicyDocument=document)

    def client(self, service: str) -> Any:
        return self._aws.client(
            service,
            aws_access_key_id=self._key["AccessKeyId"],
            aws_secret_access_key=self._key["SecretAccessKey"],
        )


@pytest.fixture(scope="module")
def user(aws: LocalAws) -> User:
    return User(aws)


@pytest.fixture(autouse=True)
def _no_parameter(aws: LocalAws) -> Iterator[None]:
    yield
    aws.client("ssm").delete_parameters(Names=[NAME])


def denied(call: Call, client: Any) -> str | None:
    """Return IAM's message if it denied the call, otherwise None."""
    try:
        call(client)
    except ClientError as error:
        if error.response["Error"]["Code"] == "AccessDeniedException":
            return str(error)
    return None


@pytest.mark.parametrize("name", CALLS)
def test_call_succeeds_with_only_its_own_permissions(user: User, name: str) -> None:
    service, call, needed = CALLS[name]
    user.allow(*needed)
    assert denied(call, user.client(service)) is None


@pytest.mark.parametrize(
    ("name", "missing"),
    [(name, missing) for name, (_, _, needed) in CALLS.items() for missing in needed],
)
def test_call_is_denied_without_one_of_them(user: User, name: str, missing: Statement) -> None:
    service, call, needed = CALLS[name]
    action, resource = missing
    others = [statement for statement in needed if statement != missing]
    user.allow((action, resource + "x"), (action + "x", resource), *others)
    assert action in (denied(call, user.client(service)) or "")
