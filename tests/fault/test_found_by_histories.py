"""What histories and generated events have found, each as a plain test."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import SplitResult

import pytest

from tests.fault.simulation import (
    Account,
    Call,
    Handler,
    answer_violations,
    response_url,
    simulated_handler,
)

STACK = "arn:aws:cloudformation:us-east-1:123456789012:stack/Stack/51af3dc0-0000"


@pytest.fixture
def handler() -> Iterator[Handler]:
    with simulated_handler() as handler:
        yield handler


def answered(handler: Handler, **overrides: Any) -> tuple[dict[str, Any], list[Call]]:
    """The one answer to an event, which is valid, and the calls that it took."""
    account, calls, bodies = Account(handler.clock), [], []

    def put(_url: SplitResult, body: bytes) -> int:
        bodies.append(body)
        return 200

    handler.begin(lambda call: (calls.append(call), account.answer(call))[1], put)
    event = {
        "RequestType": "Create",
        "ResponseURL": response_url(handler.clock, "answer"),
        "StackId": STACK,
        "RequestId": "7d3e9c1a-0000-4000-8000-000000000001",
        "LogicalResourceId": "Certificate4E7ABB08",
        "ResourceProperties": {},
        **overrides,
    }
    handler(event)
    (body,) = bodies
    assert answer_violations(event, body) == []
    return json.loads(body), calls


@pytest.mark.parametrize(
    "name", ["RequestType", "StackId", "RequestId", "LogicalResourceId", "PhysicalResourceId"]
)
@pytest.mark.parametrize("value", ["d" * 20_000, "💥" * 600, '"' * 2_000, {"a": "\x00" * 5_000}])
def test_oversized_fields_fail_within_4096_bytes(handler: Handler, name: str, value: Any) -> None:
    answer, calls = answered(handler, **{name: value})
    assert answer["Status"] == "FAILED"
    assert calls == []


@pytest.mark.parametrize("name", ["StackId", "RequestId", "LogicalResourceId"])
def test_update_fails_when_its_ids_are_invalid_in_tags(handler: Handler, name: str) -> None:
    answer, calls = answered(
        handler, RequestType="Update", PhysicalResourceId="gone42", **{name: "größer"}
    )
    assert answer["Status"] == "FAILED"
    assert calls == []
