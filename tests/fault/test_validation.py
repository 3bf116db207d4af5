"""Invalid input: rejected before any call, or ignored if a rejection would block a rollback."""

from typing import Any

import aws_cdk as cdk
import pytest

from cdk_apigateway_client_certificate import ClientCertificate
from handler_testing.environment import Environment
from handler_testing.in_process_function import InProcessFunction
from tests.fault.expect import (
    create_certificate,
    expect_failure,
    expect_success,
    placeholder_id,
    properties,
    responses_to,
    tag_list,
)

BAD_TAGS = {
    "aws-prefix": {"aws:team": "x"},
    "aws-prefix-in-capitals": {"AWS:team": "x"},
    "own-prefix": {"client-certificate:request-id": "x"},
    "empty-key": {"": "x"},
    "long-key": {"k" * 129: "x"},
    "long-value": {"k": "x" * 257},
    "bad-character-in-key": {"k*": "x"},
    "bad-character-in-value": {"k": "a;b"},
    "surrogate": {"k": "\ud800"},
    "newline": {"k": "a\n"},
    "too-many": {f"k{number}": "x" for number in range(48)},
}


@pytest.mark.failure_mode(19)
@pytest.mark.parametrize("tags", BAD_TAGS.values(), ids=BAD_TAGS)
@pytest.mark.parametrize("kind", ["Create", "Update"])
def test_invalid_tags_fail_before_any_call(
    environment: Environment, in_process: InProcessFunction, tags: dict[str, str], kind: str
) -> None:
    event = environment.event(kind, ResourceProperties=properties(Tags=tag_list(**tags)))
    known = {} if kind == "Create" else {"PhysicalResourceId": "abc123"}
    assert in_process.invoke({**event, **known}).outcome == "returned"
    id, reason = expect_failure(environment, event)
    assert id == known.get("PhysicalResourceId", placeholder_id(event))
    assert "tag" in reason
    assert not environment.api_gateway.calls


@pytest.mark.failure_mode(19)
@pytest.mark.parametrize("tags", BAD_TAGS.values(), ids=BAD_TAGS)
def test_invalid_tags_fail_at_synth(tags: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="tag"):
        ClientCertificate(cdk.Stack(), "Certificate", tags=tags)


@pytest.mark.failure_mode(19)
@pytest.mark.parametrize(
    "tags",
    [
        {"k" * 128: "v" * 256},
        {"k": ""},
        {f"k{number}": "x" for number in range(47)},
        {"aZ09 +-=._:/@": "aZ09 +-=._:/@"},
        {"team-aws:": "x"},
    ],
)
def test_accepts_tags_at_the_limits(
    environment: Environment, in_process: InProcessFunction, tags: dict[str, str]
) -> None:
    _, id = create_certificate(
        environment, in_process, ResourceProperties=properties(Tags=tag_list(**tags))
    )
    assert tags.items() <= environment.api_gateway.store.certificates[id].tags.items()


BAD_PROPERTIES: dict[str, Any] = {
    "unknown": properties(Colour="red"),
    "misspelled": properties(description="x"),
    "number": properties(Description=5),
    "list": properties(Description=["x"]),
    "tags-as-map": properties(Tags={"team": "edge"}),
    "tags-as-text": properties(Tags="team=edge"),
    "tags-lower-case": properties(Tags=[{"key": "team", "value": "edge"}]),
    "tag-without-key": properties(Tags=[{"Value": "edge"}]),
    "tag-with-more": properties(Tags=[{"Key": "a", "Value": "b", "Propagate": "true"}]),
    "tag-of-numbers": properties(Tags=[{"Key": "a", "Value": 5}]),
    "tag-of-nothing": properties(Tags=[None]),
    "tag-twice": properties(Tags=[{"Key": "a", "Value": "b"}, {"Key": "a", "Value": "c"}]),
    "a-list": [1],
    "a-text": "x",
}


@pytest.mark.failure_mode(20)
def test_omits_a_tag_without_a_value(
    environment: Environment, in_process: InProcessFunction
) -> None:
    """`AWS::NoValue` as a tag's Value leaves an item that has only a Key."""
    bare = properties(Tags=[{"Key": "team"}, {"Key": "stage", "Value": "prod"}])
    _, id = create_certificate(environment, in_process, ResourceProperties=bare)
    tags = environment.api_gateway.store.certificates[id].tags
    assert {key for key in tags if not key.startswith("client-certificate:")} == {"stage"}


@pytest.mark.failure_mode(20)
@pytest.mark.parametrize("bad", BAD_PROPERTIES.values(), ids=BAD_PROPERTIES)
def test_create_rejects_invalid_properties(
    environment: Environment, in_process: InProcessFunction, bad: Any
) -> None:
    event = environment.event("Create", ResourceProperties=bad)
    assert in_process.invoke(event).outcome == "returned"
    id, reason = expect_failure(environment, event)
    assert id == placeholder_id(event)
    assert reason
    assert not environment.api_gateway.calls


@pytest.mark.failure_mode(20)
@pytest.mark.parametrize("bad", BAD_PROPERTIES.values(), ids=BAD_PROPERTIES)
def test_delete_ignores_invalid_properties(
    environment: Environment, in_process: InProcessFunction, bad: Any
) -> None:
    _, id = create_certificate(environment, in_process)
    delete = environment.event("Delete", PhysicalResourceId=id, ResourceProperties=bad)
    in_process.invoke(delete)
    assert expect_success(environment, delete) == id
    assert not environment.api_gateway.ids


@pytest.mark.failure_mode(20)
@pytest.mark.parametrize("bad", BAD_PROPERTIES.values(), ids=BAD_PROPERTIES)
def test_rollback_ignores_invalid_old_properties(
    environment: Environment, in_process: InProcessFunction, bad: Any
) -> None:
    event, id = create_certificate(environment, in_process)
    rollback = environment.event(
        "Update",
        PhysicalResourceId=id,
        ResourceProperties=event["ResourceProperties"],
        OldResourceProperties=bad,
    )
    in_process.invoke(rollback)
    assert expect_success(environment, rollback) == id
    assert environment.api_gateway.ids == {id}


@pytest.mark.failure_mode(20)
def test_update_ignores_unknown_properties(
    environment: Environment, in_process: InProcessFunction
) -> None:
    _, id = create_certificate(environment, in_process)
    update = environment.event(
        "Update", PhysicalResourceId=id, ResourceProperties=properties(Rotation="true")
    )
    in_process.invoke(update)
    assert expect_success(environment, update) == id


@pytest.mark.failure_mode(20)
@pytest.mark.parametrize("missing", [{}, None, properties(ServiceTimeout="1200")])
def test_create_without_properties_succeeds(
    environment: Environment, in_process: InProcessFunction, missing: Any
) -> None:
    event = environment.event("Create", ResourceProperties=missing)
    if missing is None:
        del event["ResourceProperties"]
    in_process.invoke(event)
    assert environment.api_gateway.ids == {expect_success(environment, event)}


@pytest.mark.failure_mode(20)
def test_stringified_values_are_strings(
    environment: Environment, in_process: InProcessFunction
) -> None:
    stringified = properties(Description="true", Tags=[{"Key": "7", "Value": "false"}])
    _, id = create_certificate(environment, in_process, ResourceProperties=stringified)
    certificate = environment.api_gateway.store.certificates[id]
    assert (certificate.description, certificate.tags["7"]) == ("true", "false")


@pytest.mark.failure_mode(21)
@pytest.mark.parametrize("kind", [None, "", "create", "Read", 5, ["Create"], {}, "💥" * 2000])
def test_unknown_request_type_fails(
    environment: Environment, in_process: InProcessFunction, kind: Any
) -> None:
    event = {**environment.event("Create", PhysicalResourceId="abc123"), "RequestType": kind}
    assert in_process.invoke(event).outcome == "returned"
    id, reason = expect_failure(environment, event)
    assert id == "abc123"
    assert "RequestType" in reason
    assert not environment.api_gateway.calls


@pytest.mark.failure_mode(21)
@pytest.mark.parametrize("kind", ["Create", "Update", "Delete"])
@pytest.mark.parametrize("name", ["StackId", "RequestId", "LogicalResourceId", "RequestType"])
@pytest.mark.parametrize("value", ["absent", None, "", 5, ["x"], {"a": 1}])
def test_invalid_envelope_fails(
    environment: Environment, in_process: InProcessFunction, kind: str, name: str, value: Any
) -> None:
    event = {**environment.event(kind, PhysicalResourceId="abc123"), name: value}
    if value == "absent":
        del event[name]
    assert in_process.invoke(event).outcome == "returned"
    (response,) = environment.cloudformation.responses
    assert response["Status"] == "FAILED"
    assert response["Reason"]
    assert response["PhysicalResourceId"]
    assert not environment.api_gateway.calls


@pytest.mark.failure_mode(21)
@pytest.mark.parametrize(
    "event",
    [
        None,
        {},
        [],
        "text",
        5,
        {"RequestType": "Create"},
        {"RequestType": "Delete", "ResponseURL": None},
        {"RequestType": "Create", "ResponseURL": ""},
        {"RequestType": "Create", "ResponseURL": 5},
        {"RequestType": "Create", "ResponseURL": "http://127.0.0.1/x"},
        {"RequestType": "Create", "ResponseURL": "file:///etc/passwd"},
        {"RequestType": "Create", "ResponseURL": "https://"},
        {"RequestType": "Create", "ResponseURL": "https://[::1/x"},
        {"RequestType": "Create", "ResponseURL": "https://127.0.0.1:99999/x"},
        {"RequestType": "Create", "ResponseURL": "https://127.0.0.1:x/x"},
        {"RequestType": "Create", "ResponseURL": "https://127.0.0.1/a b"},
        {"RequestType": "Create", "ResponseURL": "https://127.0.0.1/a\r\nHost: evil"},
        {"RequestType": "Create", "ResponseURL": "https://ümlaut.example/x"},
    ],
)
def test_event_without_a_usable_response_url_raises(
    environment: Environment, in_process: InProcessFunction, event: Any
) -> None:
    assert in_process.invoke(event).outcome.startswith("raised UnanswerableError: ")
    assert not environment.api_gateway.calls
    assert not environment.cloudformation.attempts


@pytest.mark.parametrize("value", ["a b", "*", "💥", "\ud800", "x" * 257, "a\nb", "../.."])
@pytest.mark.parametrize("name", ["RequestId", "StackId", "LogicalResourceId"])
def test_unusual_identifiers_are_used_unchanged_or_rejected(
    environment: Environment, in_process: InProcessFunction, name: str, value: str
) -> None:
    event = environment.event("Create", **{name: value})
    assert in_process.invoke(event).outcome == "returned"
    (response,) = responses_to(environment, event)
    if response["Status"] == "SUCCESS":
        (certificate,) = environment.api_gateway.store.certificates.values()
        assert value in certificate.tags.values()
    else:
        assert not environment.api_gateway.calls
    delete = environment.event(
        "Delete", PhysicalResourceId=response["PhysicalResourceId"], **{name: value}
    )
    assert in_process.invoke(delete).outcome == "returned"
    assert responses_to(environment, delete)[-1]["Status"] == "SUCCESS"
    assert not environment.api_gateway.ids


def test_long_reason_keeps_its_beginning(
    environment: Environment, in_process: InProcessFunction
) -> None:
    event = environment.event("Create", ResourceProperties=properties(Tags=tag_list(k="💥" * 5000)))
    in_process.invoke(event)
    _, reason = expect_failure(environment, event)
    assert reason.startswith("value of tag 'k'")
