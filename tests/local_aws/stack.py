"""Operate a CloudFormation stack through boto3."""

import json
from typing import Any

from local_aws import LocalAws

__all__ = ["ASSUMED_BY_LAMBDA", "POLL_QUICKLY", "Stack"]

ASSUMED_BY_LAMBDA = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}
"""The trust policy of a function's role."""

POLL_QUICKLY = {"Delay": 0.2, "MaxAttempts": 100}


class Stack:
    """A stack. Each method waits for the operation that it starts.

    A method raises `botocore.exceptions.WaiterError` if the operation fails.
    """

    def __init__(self, aws: LocalAws, name: str) -> None:
        self.name = name
        self._client = aws.client("cloudformation")

    def create(self, template: dict[str, Any], tags: dict[str, str] | None = None) -> None:
        self._client.create_stack(
            StackName=self.name,
            TemplateBody=json.dumps(template),
            Tags=[{"Key": key, "Value": value} for key, value in (tags or {}).items()],
            Capabilities=["CAPABILITY_IAM"],
        )
        self._wait("create")

    def update(self, template: dict[str, Any]) -> None:
        self._client.update_stack(
            StackName=self.name,
            TemplateBody=json.dumps(template),
            Capabilities=["CAPABILITY_IAM"],
        )
        self._wait("update")

    def prepare(self, template: dict[str, Any]) -> list[dict[str, Any]]:
        """Create a change set and return its resource changes."""
        self._client.create_change_set(
            **self._change_set,
            TemplateBody=json.dumps(template),
            Capabilities=["CAPABILITY_IAM"],
        )
        waiter = self._client.get_waiter("change_set_create_complete")
        waiter.wait(**self._change_set, WaiterConfig=POLL_QUICKLY)
        described = self._client.describe_change_set(**self._change_set)
        return [change["ResourceChange"] for change in described["Changes"]]

    def execute(self) -> None:
        """Execute the last change set."""
        self._client.execute_change_set(**self._change_set)
        self._wait("update")
        self._client.delete_change_set(**self._change_set)

    def delete(self) -> None:
        self._client.delete_stack(StackName=self.name)
        self._wait("delete")

    def status(self) -> str:
        status: str = self._describe()["StackStatus"]
        return status

    def outputs(self) -> dict[str, str]:
        return {item["OutputKey"]: item["OutputValue"] for item in self._describe()["Outputs"]}

    def resources(self) -> dict[str, str]:
        """Return the status of each resource by its logical ID."""
        described = self._client.describe_stack_resources(StackName=self.name)["StackResources"]
        return {item["LogicalResourceId"]: item["ResourceStatus"] for item in described}

    def reasons(self) -> str:
        events = self._client.describe_stack_events(StackName=self.name)["StackEvents"]
        return " ".join(event.get("ResourceStatusReason", "") for event in events)

    @property
    def _change_set(self) -> dict[str, str]:
        return {"StackName": self.name, "ChangeSetName": "changes"}

    def _describe(self) -> dict[str, Any]:
        described: dict[str, Any] = self._client.describe_stacks(StackName=self.name)["Stacks"][0]
        return described

    def _wait(self, verb: str) -> None:
        waiter = self._client.get_waiter(f"stack_{verb}_complete")
        waiter.wait(StackName=self.name, WaiterConfig=POLL_QUICKLY)
