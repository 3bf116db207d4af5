"""Regression tests for failures that the histories and the malformed events found."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import SplitResult

import pytest

from handler_testing.environment import STACK_ID
from local_aws.responses import Response
from tests.fault.simulation import (
    Call,
    SimulatedApiGateway,
    SimulatedFunction,
    response_url,
    response_violations,
    simulated_function,
)


@pytest.fixture
def function() -> Iterator[SimulatedFunction]:
    with simulated_function() as function:
        yield function


def respond_to(function: SimulatedFunction, **overrides: Any) -> tuple[dict[str, Any], list[Call]]:
    """Return the only response to an event, which must be valid, and the calls to API Gateway."""
    api = SimulatedApiGateway(function.clock)
    calls: list[Call] = []
    bodies: list[bytes] = []

    def call_api(call: Call) -> Response:
        calls.append(call)
        return api.respond(call)

    def put_response(_url: SplitResult, body: bytes) -> int:
        bodies.append(body)
        return 200

    function.connect(call_api, put_response)
    event = {
        "RequestType": "Create",
        "ResponseURL": response_url(function.clock, "response"),
        "StackId": STACK_ID,
        "RequestId": "7d3e9c1a-0000-4000-8000-000000000001",
        "LogicalResourceId": "Certificate4E7ABB08",
        "ResourceProperties": {},
        **overrides,
    }
    function(event)
    (body,) = bodies
    assert response_violations(event, body) == []
    return json.loads(body), calls


@pytest.mark.parametrize(
    "name", ["RequestType", "StackId", "RequestId", "LogicalResourceId", "PhysicalResourceId"]
)
@pytest.mark.parametrize("value", ["d" * 20_000, "💥" * 600, '"' * 2_000, {"a": "\x00" * 5_000}])
def test_oversized_fields_fail_within_4096_bytes(
    function: SimulatedFunction, name: str, value: Any
) -> None:
    response, calls = respond_to(function, **{name: value})
    assert response["Status"] == "FAILED"
    assert calls == []


@pytest.mark.parametrize("name", ["StackId", "RequestId", "LogicalResourceId"])
def test_update_fails_when_its_ids_are_invalid_in_tags(
    function: SimulatedFunction, name: str
) -> None:
    response, calls = respond_to(
        function, RequestType="Update", PhysicalResourceId="gone42", **{name: "größer"}
    )
    assert response["Status"] == "FAILED"
    assert calls == []
