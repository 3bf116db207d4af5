"""What the tests of all rows expect of an answer, said once."""

import json
from typing import Any

from tests.fault.fakes import World


def tags_of(event: dict[str, Any]) -> dict[str, str]:
    """The tags of the certificate that this Create makes."""
    listed = event["ResourceProperties"].get("Tags", [])
    return {
        **{tag["Key"]: tag["Value"] for tag in listed},
        "client-certificate:stack-id": event["StackId"],
        "client-certificate:logical-id": event["LogicalResourceId"],
        "client-certificate:request-id": event["RequestId"],
    }


def properties(**values: Any) -> dict[str, Any]:
    """ResourceProperties of these values, and of those that CloudFormation adds."""
    return {"ServiceToken": "arn:aws:lambda:us-east-1:123456789012:function:F", **values}


def tag_list(**tags: str) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def placeholder(event: dict[str, Any]) -> str:
    """The physical ID of a request that made nothing, or cannot know."""
    return f"request:{event['RequestId']}"


def attributes(aws: World, id: str) -> dict[str, str]:
    """What `Fn::GetAtt` reads of a certificate that exists."""
    api = aws.api.api
    found = api.certificates[id]
    return {
        "ClientCertificateId": id,
        "ClientCertificateArn": api.arn(id),
        "PemEncodedCertificate": found.pem,
        "CreatedDate": f"{found.created:%Y-%m-%dT%H:%M:%SZ}",
        "ExpirationDate": f"{found.expires:%Y-%m-%dT%H:%M:%SZ}",
    }


def the_answer(aws: World, event: dict[str, Any]) -> dict[str, Any]:
    """The one answer that CloudFormation has for this request, checked for what all must have."""
    (answer,) = answers_to(aws, event)
    return answer


def answers_to(aws: World, event: dict[str, Any]) -> list[dict[str, Any]]:
    """All answers to this request."""
    found = [
        answer for answer in aws.cloudformation.answers if answer["RequestId"] == event["RequestId"]
    ]
    for answer in found:
        assert answer["StackId"] == event["StackId"]
        assert answer["LogicalResourceId"] == event["LogicalResourceId"]
        assert 1 <= len(answer["PhysicalResourceId"]) <= 1024
        assert answer["Status"] == "SUCCESS" or answer["Reason"]
        assert len(json.dumps(answer)) <= 4096
    return found


def succeeded(aws: World, event: dict[str, Any]) -> str:
    """The physical ID of the one answer, which is SUCCESS with every attribute."""
    answer = the_answer(aws, event)
    assert answer["Status"] == "SUCCESS", answer["Reason"]
    id = answer["PhysicalResourceId"]
    if event["RequestType"] != "Delete":
        assert answer["Data"] == attributes(aws, id)
    return str(id)


def failed(aws: World, event: dict[str, Any]) -> tuple[str, str]:
    """The physical ID and the Reason of the one answer, which is FAILED."""
    answer = the_answer(aws, event)
    assert answer["Status"] == "FAILED"
    return answer["PhysicalResourceId"], answer["Reason"]


def created(aws: World, runner: Any, **overrides: Any) -> tuple[dict[str, Any], str]:
    """A Create that went well: its event and the certificate's ID."""
    event = aws.event("Create", **overrides)
    assert runner.invoke(event).ended == "returned"
    return event, succeeded(aws, event)


def delete_of(aws: World, event: dict[str, Any], physical_id: str | None = None) -> dict[str, Any]:
    """The Delete that follows a request: with the ID that was answered to it."""
    if physical_id is None:
        physical_id = answers_to(aws, event)[0]["PhysicalResourceId"]
    return aws.event(
        "Delete",
        LogicalResourceId=event["LogicalResourceId"],
        PhysicalResourceId=physical_id,
        ResourceProperties=event["ResourceProperties"],
    )


def deleted(aws: World, runner: Any, event: dict[str, Any], physical_id: str | None = None) -> None:
    """The Delete that follows a request goes well."""
    delete = delete_of(aws, event, physical_id)
    assert runner.invoke(delete).ended == "returned"
    assert succeeded(aws, delete) == delete["PhysicalResourceId"]
