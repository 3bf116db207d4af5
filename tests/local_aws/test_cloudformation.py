"""The native resource, and stages that carry a certificate, through CloudFormation."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from local_aws import LocalAws
from tests.local_aws.waiting import eventually

STACK = "native"
QUICKLY = {"Delay": 0.2, "MaxAttempts": 100}


class Stack:
    def __init__(self, aws: LocalAws) -> None:
        self._client = aws.client("cloudformation")

    def create(self, template: dict[str, Any], tags: dict[str, str] | None = None) -> None:
        self._client.create_stack(
            StackName=STACK,
            TemplateBody=json.dumps(template),
            Tags=[{"Key": key, "Value": value} for key, value in (tags or {}).items()],
        )
        self._wait("create")

    def update(self, template: dict[str, Any]) -> None:
        self._client.update_stack(StackName=STACK, TemplateBody=json.dumps(template))
        self._wait("update")

    def delete(self) -> None:
        self._client.delete_stack(StackName=STACK)
        self._wait("delete")

    def outputs(self) -> dict[str, str]:
        described = self._client.describe_stacks(StackName=STACK)["Stacks"][0]
        return {item["OutputKey"]: item["OutputValue"] for item in described["Outputs"]}

    def reasons(self) -> str:
        events = self._client.describe_stack_events(StackName=STACK)["StackEvents"]
        return " ".join(event.get("ResourceStatusReason", "") for event in events)

    def _wait(self, verb: str) -> None:
        waiter = self._client.get_waiter(f"stack_{verb}_complete")
        waiter.wait(StackName=STACK, WaiterConfig=QUICKLY)


@pytest.fixture
def stack(aws: LocalAws, client: Any) -> Iterator[Stack]:
    stack = Stack(aws)
    yield stack
    stack.delete()


def certificate(description: str, **tags: str) -> dict[str, Any]:
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    return {
        "Resources": {
            "Native": {
                "Type": "AWS::ApiGateway::ClientCertificate",
                "Properties": {"Description": description, "Tags": listed},
            }
        },
        "Outputs": {
            "Ref": {"Value": {"Ref": "Native"}},
            "Attribute": {"Value": {"Fn::GetAtt": ["Native", "ClientCertificateId"]}},
        },
    }


def stage(id: Any) -> dict[str, Any]:
    """The resources of a REST API with a stage that carries the certificate of this ID."""
    return {
        "Api": {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Name": "front"}},
        "Deployment": {
            "Type": "AWS::ApiGateway::Deployment",
            "Properties": {"RestApiId": {"Ref": "Api"}},
        },
        "Stage": {
            "Type": "AWS::ApiGateway::Stage",
            "Properties": {
                "RestApiId": {"Ref": "Api"},
                "DeploymentId": {"Ref": "Deployment"},
                "StageName": "prod",
                "ClientCertificateId": id,
            },
        },
    }


def test_the_native_resource_is_created_updated_in_place_and_deleted(
    stack: Stack, client: Any
) -> None:
    stack.create(certificate("old", kept="1", gone="1"), tags={"of-the-stack": "1"})
    outputs = stack.outputs()
    id = outputs["Ref"]
    assert outputs["Attribute"] == id
    found = client.get_client_certificate(clientCertificateId=id)
    assert found["description"] == "old"
    assert found["tags"] == {"kept": "1", "gone": "1", "of-the-stack": "1"}

    stack.update(certificate("new", kept="2", added="1"))
    assert stack.outputs()["Ref"] == id
    found = client.get_client_certificate(clientCertificateId=id)
    assert found["description"] == "new"
    assert {"kept": "2", "added": "1"}.items() <= found["tags"].items()
    assert "gone" not in found["tags"]

    stack.delete()
    assert client.get_client_certificates()["items"] == []


def test_a_change_set_says_that_the_native_resource_is_updated_in_place(
    aws: LocalAws, stack: Stack
) -> None:
    stack.create(certificate("old"))
    changes = aws.client("cloudformation")
    named = {"StackName": STACK, "ChangeSetName": "new"}
    changes.create_change_set(**named, TemplateBody=json.dumps(certificate("new")))
    changes.get_waiter("change_set_create_complete").wait(**named, WaiterConfig=QUICKLY)
    change = changes.describe_change_set(**named)["Changes"][0]["ResourceChange"]
    assert (change["Action"], change["Replacement"]) == ("Modify", "False")


def test_a_native_resource_with_a_bad_tag_fails(stack: Stack, client: Any) -> None:
    with pytest.raises(Exception, match="Waiter StackCreateComplete failed"):
        stack.create(certificate("mine", **{"k#": "1"}))
    assert "use letters, digits" in stack.reasons()
    assert client.get_client_certificates()["items"] == []


def test_a_stage_of_a_template_carries_and_changes_its_certificate(
    stack: Stack, client: Any
) -> None:
    template = certificate("mine")
    template["Resources"] |= stage({"Ref": "Native"})
    stack.create(template)
    api = client.get_rest_apis()["items"][0]["id"]

    def carried() -> str | None:
        found = client.get_stage(restApiId=api, stageName="prod")
        return found.get("clientCertificateId")

    assert carried() == stack.outputs()["Ref"]
    other = client.generate_client_certificate()["clientCertificateId"]
    template["Resources"] |= stage(other)
    stack.update(template)
    assert carried() == other
    del template["Resources"]["Stage"]["Properties"]["ClientCertificateId"]
    stack.update(template)
    assert carried() is None


def test_a_stage_of_a_template_cannot_carry_a_certificate_that_does_not_exist(
    stack: Stack, client: Any
) -> None:
    with pytest.raises(Exception, match="Waiter StackCreateComplete failed"):
        stack.create({"Resources": stage("gone42")})
    assert "gone42" in stack.reasons()


def test_a_delete_stops_a_create_before_it_deletes(aws: LocalAws, client: Any) -> None:
    waiting = {
        "Type": "AWS::CloudFormation::WaitCondition",
        "CreationPolicy": {"ResourceSignal": {"Timeout": "PT1M"}},
        "DependsOn": "Native",
    }
    template = certificate("before")
    later = template["Resources"]["Native"] | {"DependsOn": "Waiting"}
    template["Resources"] |= {"Waiting": waiting, "Later": later}
    stacks = aws.client("cloudformation")
    stacks.create_stack(StackName=STACK, TemplateBody=json.dumps(template))
    assert eventually(lambda: "Waiting" in _begun(stacks))
    stacks.delete_stack(StackName=STACK)
    stacks.signal_resource(
        StackName=STACK, LogicalResourceId="Waiting", UniqueId="1", Status="SUCCESS"
    )
    stacks.get_waiter("stack_delete_complete").wait(StackName=STACK, WaiterConfig=QUICKLY)
    assert client.get_client_certificates()["items"] == []


def _begun(stacks: Any) -> set[str]:
    events = stacks.describe_stack_events(StackName=STACK)["StackEvents"]
    return {event["LogicalResourceId"] for event in events}
