"""Requests that several tests send, and what they expect of the responses."""

import json
from typing import Any

from handler_testing.environment import Environment, LambdaFunction


def expected_tags(event: dict[str, Any]) -> dict[str, str]:
    """Return the tags of the certificate that this Create generates."""
    listed = event["ResourceProperties"].get("Tags", [])
    return {
        **{tag["Key"]: tag["Value"] for tag in listed},
        "client-certificate:stack-id": event["StackId"],
        "client-certificate:logical-id": event["LogicalResourceId"],
        "client-certificate:request-id": event["RequestId"],
    }


def properties(**values: Any) -> dict[str, Any]:
    """Return ResourceProperties with these values and the ServiceToken."""
    return {"ServiceToken": "arn:aws:lambda:us-east-1:123456789012:function:F", **values}


def tag_list(**tags: str) -> list[dict[str, str]]:
    """Return tags in the form of the property Tags."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def placeholder_id(event: dict[str, Any]) -> str:
    """Return the physical ID of a request that knows of no certificate."""
    return f"request:{event['RequestId']}"


def attributes(environment: Environment, id: str) -> dict[str, str]:
    """Return the attributes of a certificate, as `Fn::GetAtt` reads them."""
    store = environment.api_gateway.store
    certificate = store.certificates[id]
    return {
        "ClientCertificateId": id,
        "ClientCertificateArn": store.arn(id),
        "PemEncodedCertificate": certificate.pem,
        "CreatedDate": f"{certificate.created:%Y-%m-%dT%H:%M:%SZ}",
        "ExpirationDate": f"{certificate.expires:%Y-%m-%dT%H:%M:%SZ}",
    }


def only_response(environment: Environment, event: dict[str, Any]) -> dict[str, Any]:
    """Return the response to this request, which must be the only one."""
    (response,) = responses_to(environment, event)
    return response


def responses_to(environment: Environment, event: dict[str, Any]) -> list[dict[str, Any]]:
    """Return all responses to this request, each of which must be valid."""
    responses = [
        response
        for response in environment.cloudformation.responses
        if response["RequestId"] == event["RequestId"]
    ]
    for response in responses:
        assert response["StackId"] == event["StackId"]
        assert response["LogicalResourceId"] == event["LogicalResourceId"]
        assert 1 <= len(response["PhysicalResourceId"]) <= 1024
        assert response["Status"] == "SUCCESS" or response["Reason"]
        assert len(json.dumps(response)) <= 4096
    return responses


def expect_success(environment: Environment, event: dict[str, Any]) -> str:
    """Return the physical ID of the only response, which must be SUCCESS with all attributes."""
    response = only_response(environment, event)
    assert response["Status"] == "SUCCESS", response["Reason"]
    id = response["PhysicalResourceId"]
    if event["RequestType"] != "Delete":
        assert response["Data"] == attributes(environment, id)
    return str(id)


def expect_failure(environment: Environment, event: dict[str, Any]) -> tuple[str, str]:
    """Return the physical ID and the Reason of the only response, which must be FAILED."""
    response = only_response(environment, event)
    assert response["Status"] == "FAILED"
    return response["PhysicalResourceId"], response["Reason"]


def create_certificate(
    environment: Environment, function: LambdaFunction, **overrides: Any
) -> tuple[dict[str, Any], str]:
    """Send a Create, which must succeed. Return its event and the certificate's ID."""
    event = environment.event("Create", **overrides)
    assert function.invoke(event).outcome == "returned"
    return event, expect_success(environment, event)


def delete_event(
    environment: Environment, event: dict[str, Any], physical_id: str | None = None
) -> dict[str, Any]:
    """Return the Delete that follows a request.

    Args:
        environment: The environment of the request.
        event: The request.
        physical_id: The physical ID to delete; by default, the one of the first response.
    """
    if physical_id is None:
        physical_id = responses_to(environment, event)[0]["PhysicalResourceId"]
    return environment.event(
        "Delete",
        LogicalResourceId=event["LogicalResourceId"],
        PhysicalResourceId=physical_id,
        ResourceProperties=event["ResourceProperties"],
    )


def delete_certificate(
    environment: Environment,
    function: LambdaFunction,
    event: dict[str, Any],
    physical_id: str | None = None,
) -> None:
    """Send the Delete that follows a request (see `delete_event`), which must succeed."""
    delete = delete_event(environment, event, physical_id)
    assert function.invoke(delete).outcome == "returned"
    assert expect_success(environment, delete) == delete["PhysicalResourceId"]
