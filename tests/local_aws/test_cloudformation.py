"""Deploy the native resource, and stages with a certificate, through CloudFormation."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import WaiterError

from local_aws import LocalAws
from tests.local_aws.stack import ASSUMED_BY_LAMBDA, POLL_QUICKLY, Stack
from tests.local_aws.waiting import eventually

STACK = "native"


@pytest.fixture
def stack(aws: LocalAws, client: Any) -> Iterator[Stack]:
    del client  # Its cleanup must follow the stack's.
    stack = Stack(aws, STACK)
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
    """Return the resources of a REST API with a stage that presents a certificate."""
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


def test_native_resource_lifecycle(stack: Stack, client: Any) -> None:
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


def test_change_set_updates_the_native_resource_in_place(stack: Stack) -> None:
    stack.create(certificate("old"))
    [change] = stack.prepare(certificate("new"))
    assert (change["Action"], change["Replacement"]) == ("Modify", "False")


def test_native_resource_with_an_invalid_tag_fails(stack: Stack, client: Any) -> None:
    with pytest.raises(Exception, match="Waiter StackCreateComplete failed"):
        stack.create(certificate("mine", **{"k#": "1"}))
    assert "use letters, digits" in stack.reasons()
    assert client.get_client_certificates()["items"] == []


def test_stage_changes_its_certificate(stack: Stack, client: Any) -> None:
    template = certificate("mine")
    template["Resources"] |= stage({"Ref": "Native"})
    stack.create(template)
    api = client.get_rest_apis()["items"][0]["id"]

    def attached() -> str | None:
        found: str | None = client.get_stage(restApiId=api, stageName="prod").get(
            "clientCertificateId"
        )
        return found

    assert attached() == stack.outputs()["Ref"]
    other = client.generate_client_certificate()["clientCertificateId"]
    template["Resources"] |= stage(other)
    stack.update(template)
    assert attached() == other
    del template["Resources"]["Stage"]["Properties"]["ClientCertificateId"]
    stack.update(template)
    assert attached() is None


def by_attribute(name: str) -> dict[str, Any]:
    return {"Fn::GetAtt": [name, "ClientCertificateId"]}


def by_dotted_attribute(name: str) -> dict[str, Any]:
    return {"Fn::GetAtt": f"{name}.ClientCertificateId"}


def by_reference(name: str) -> dict[str, Any]:
    return {"Ref": name}


def joined(name: str) -> dict[str, Any]:
    return {"Fn::Join": ["", [by_attribute(name)]]}


@pytest.mark.parametrize("refer", [by_attribute, by_dotted_attribute, by_reference, joined])
def test_change_set_detects_a_changed_reference(
    stack: Stack, client: Any, refer: Callable[[str], dict[str, Any]]
) -> None:
    template = certificate("mine")
    template["Resources"]["Other"] = template["Resources"]["Native"]
    template["Resources"] |= stage(refer("Native"))
    template["Outputs"]["Other"] = {"Value": {"Ref": "Other"}}
    stack.create(template)

    template["Resources"] |= stage(refer("Other"))
    [change] = stack.prepare(template)
    assert (change["LogicalResourceId"], change["Action"]) == ("Stage", "Modify")
    assert [detail["Target"]["Name"] for detail in change["Details"]] == ["ClientCertificateId"]
    stack.execute()
    [api] = client.get_rest_apis()["items"]
    attached = client.get_stage(restApiId=api["id"], stageName="prod")["clientCertificateId"]
    assert attached == stack.outputs()["Other"]


def test_change_set_with_only_outputs_is_executed(stack: Stack) -> None:
    template = certificate("mine")
    stack.create(template)
    template["Outputs"]["Another"] = {"Value": "1"}
    assert stack.prepare(template) == []
    stack.execute()
    assert stack.outputs()["Another"] == "1"


def test_change_set_without_changes_fails(stack: Stack) -> None:
    template = certificate("mine")
    stack.create(template)
    with pytest.raises(WaiterError) as failed:
        stack.prepare(template)
    assert "didn't contain changes" in failed.value.last_response["StatusReason"]


@pytest.mark.usefixtures("client")
def test_stack_with_a_missing_certificate_on_a_stage_fails(stack: Stack) -> None:
    with pytest.raises(Exception, match="Waiter StackCreateComplete failed"):
        stack.create({"Resources": stage("gone42")})
    assert "gone42" in stack.reasons()


def test_delete_stops_a_running_create(aws: LocalAws, client: Any) -> None:
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
    assert eventually(lambda: "Waiting" in _started(stacks))
    stacks.delete_stack(StackName=STACK)
    stacks.signal_resource(
        StackName=STACK, LogicalResourceId="Waiting", UniqueId="1", Status="SUCCESS"
    )
    stacks.get_waiter("stack_delete_complete").wait(StackName=STACK, WaiterConfig=POLL_QUICKLY)
    assert client.get_client_certificates()["items"] == []


def _started(stacks: Any) -> set[str]:
    events = stacks.describe_stack_events(StackName=STACK)["StackEvents"]
    return {event["LogicalResourceId"] for event in events}


REFUSES_TO_DELETE = """
import json, os, urllib.request

def handler(event, context):
    refuses = event["RequestType"] == "Delete" and os.environ["REFUSES"] == "yes"
    response = {key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")}
    response |= {
        "Status": "FAILED" if refuses else "SUCCESS",
        "Reason": "configured to refuse",
        "PhysicalResourceId": "made",
    }
    body = json.dumps(response).encode()
    urllib.request.urlopen(urllib.request.Request(event["ResponseURL"], body, method="PUT"))
"""


def test_failed_delete_keeps_dependencies_of_the_failed_resource(
    aws: LocalAws, stack: Stack, client: Any
) -> None:
    template = certificate("deleted by the first attempt")
    template["Resources"] |= {
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {"AssumeRolePolicyDocument": ASSUMED_BY_LAMBDA},
        },
        "Function": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "FunctionName": "refuses",
                "Runtime": "python3.13",
                "Handler": "index.handler",
                "Role": {"Fn::GetAtt": ["Role", "Arn"]},
                "Code": {"ZipFile": REFUSES_TO_DELETE},
                "Environment": {"Variables": {"REFUSES": "yes"}},
            },
        },
        "Custom": {
            "Type": "Custom::Refuses",
            "Properties": {"ServiceToken": {"Fn::GetAtt": ["Function", "Arn"]}},
        },
    }
    stack.create(template)
    with pytest.raises(WaiterError):
        stack.delete()
    assert stack.status() == "DELETE_FAILED"
    assert stack.resources() == {
        "Role": "CREATE_COMPLETE",
        "Function": "CREATE_COMPLETE",
        "Custom": "DELETE_FAILED",
    }
    assert "The following resource(s) failed to delete: [Custom]." in stack.reasons()
    assert client.get_client_certificates()["items"] == []

    functions = aws.client("lambda")
    functions.update_function_configuration(
        FunctionName="refuses", Environment={"Variables": {"REFUSES": "no"}}
    )
    stack.delete()
    assert functions.list_functions()["Functions"] == []
