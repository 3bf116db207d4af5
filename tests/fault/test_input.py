"""Bad input: refused before any call where it would make something, borne where it would wedge."""

from typing import Any

import aws_cdk as cdk
import pytest

from cdk_apigateway_client_certificate import ClientCertificate
from tests.fault.expect import (
    answers_to,
    created,
    failed,
    placeholder,
    properties,
    succeeded,
    tag_list,
)
from tests.fault.fakes import World
from tests.fault.quick_handler import InProcess

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
    aws: World, here: InProcess, tags: dict[str, str], kind: str
) -> None:
    event = aws.event(kind, ResourceProperties=properties(Tags=tag_list(**tags)))
    known = {} if kind == "Create" else {"PhysicalResourceId": "abc123"}
    assert here.invoke({**event, **known}).ended == "returned"
    id, reason = failed(aws, event)
    assert id == known.get("PhysicalResourceId", placeholder(event))
    assert "tag" in reason
    assert not aws.api.calls


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
def test_accepts_tags_at_the_limits(aws: World, here: InProcess, tags: dict[str, str]) -> None:
    _, id = created(aws, here, ResourceProperties=properties(Tags=tag_list(**tags)))
    assert tags.items() <= aws.api.api.certificates[id].tags.items()


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
def test_omits_a_tag_without_a_value(aws: World, here: InProcess) -> None:
    """`AWS::NoValue` as a tag's Value leaves the Key alone."""
    bare = properties(Tags=[{"Key": "team"}, {"Key": "stage", "Value": "prod"}])
    _, id = created(aws, here, ResourceProperties=bare)
    tags = aws.api.api.certificates[id].tags
    assert {key for key in tags if not key.startswith("client-certificate:")} == {"stage"}


@pytest.mark.failure_mode(20)
@pytest.mark.parametrize("bad", BAD_PROPERTIES.values(), ids=BAD_PROPERTIES)
def test_create_rejects_invalid_properties(aws: World, here: InProcess, bad: Any) -> None:
    event = aws.event("Create", ResourceProperties=bad)
    assert here.invoke(event).ended == "returned"
    id, reason = failed(aws, event)
    assert id == placeholder(event)
    assert reason
    assert not aws.api.calls


@pytest.mark.failure_mode(20)
@pytest.mark.parametrize("bad", BAD_PROPERTIES.values(), ids=BAD_PROPERTIES)
def test_delete_ignores_invalid_properties(aws: World, here: InProcess, bad: Any) -> None:
    _, id = created(aws, here)
    delete = aws.event("Delete", PhysicalResourceId=id, ResourceProperties=bad)
    here.invoke(delete)
    assert succeeded(aws, delete) == id
    assert not aws.api.ids


@pytest.mark.failure_mode(20)
@pytest.mark.parametrize("bad", BAD_PROPERTIES.values(), ids=BAD_PROPERTIES)
def test_rollback_ignores_invalid_old_properties(aws: World, here: InProcess, bad: Any) -> None:
    event, id = created(aws, here)
    rollback = aws.event(
        "Update",
        PhysicalResourceId=id,
        ResourceProperties=event["ResourceProperties"],
        OldResourceProperties=bad,
    )
    here.invoke(rollback)
    assert succeeded(aws, rollback) == id
    assert aws.api.ids == {id}


@pytest.mark.failure_mode(20)
def test_update_ignores_unknown_properties(aws: World, here: InProcess) -> None:
    _, id = created(aws, here)
    update = aws.event(
        "Update", PhysicalResourceId=id, ResourceProperties=properties(Rotation="true")
    )
    here.invoke(update)
    assert succeeded(aws, update) == id


@pytest.mark.failure_mode(20)
@pytest.mark.parametrize("missing", [{}, None, properties(ServiceTimeout="1200")])
def test_create_without_properties_succeeds(aws: World, here: InProcess, missing: Any) -> None:
    event = aws.event("Create", ResourceProperties=missing)
    if missing is None:
        del event["ResourceProperties"]
    here.invoke(event)
    assert aws.api.ids == {succeeded(aws, event)}


@pytest.mark.failure_mode(20)
def test_stringified_values_are_strings(aws: World, here: InProcess) -> None:
    stringified = properties(Description="true", Tags=[{"Key": "7", "Value": "false"}])
    _, id = created(aws, here, ResourceProperties=stringified)
    made = aws.api.api.certificates[id]
    assert (made.description, made.tags["7"]) == ("true", "false")


@pytest.mark.failure_mode(21)
@pytest.mark.parametrize("kind", [None, "", "create", "Read", 5, ["Create"], {}, "💥" * 2000])
def test_unknown_request_type_fails(aws: World, here: InProcess, kind: Any) -> None:
    event = {**aws.event("Create", PhysicalResourceId="abc123"), "RequestType": kind}
    assert here.invoke(event).ended == "returned"
    id, reason = failed(aws, event)
    assert id == "abc123"
    assert "RequestType" in reason
    assert not aws.api.calls


@pytest.mark.failure_mode(21)
@pytest.mark.parametrize("kind", ["Create", "Update", "Delete"])
@pytest.mark.parametrize("name", ["StackId", "RequestId", "LogicalResourceId", "RequestType"])
@pytest.mark.parametrize("value", ["absent", None, "", 5, ["x"], {"a": 1}])
def test_invalid_envelope_fails(
    aws: World, here: InProcess, kind: str, name: str, value: Any
) -> None:
    event = {**aws.event(kind, PhysicalResourceId="abc123"), name: value}
    if value == "absent":
        del event[name]
    assert here.invoke(event).ended == "returned"
    (answer,) = aws.cloudformation.answers
    assert answer["Status"] == "FAILED"
    assert answer["Reason"]
    assert answer["PhysicalResourceId"]
    assert not aws.api.calls


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
    aws: World, here: InProcess, event: Any
) -> None:
    assert here.invoke(event).ended.startswith("raised UnanswerableError: ")
    assert not aws.api.calls
    assert not aws.cloudformation.tries


@pytest.mark.parametrize("value", ["a b", "*", "💥", "\ud800", "x" * 257, "a\nb", "../.."])
@pytest.mark.parametrize("name", ["RequestId", "StackId", "LogicalResourceId"])
def test_unusual_identifiers_are_used_unchanged_or_rejected(
    aws: World, here: InProcess, name: str, value: str
) -> None:
    event = aws.event("Create", **{name: value})
    assert here.invoke(event).ended == "returned"
    (answer,) = answers_to(aws, event)
    if answer["Status"] == "SUCCESS":
        (made,) = aws.api.api.certificates.values()
        assert value in made.tags.values()
    else:
        assert not aws.api.calls
    delete = aws.event("Delete", PhysicalResourceId=answer["PhysicalResourceId"], **{name: value})
    assert here.invoke(delete).ended == "returned"
    assert answers_to(aws, delete)[-1]["Status"] == "SUCCESS"
    assert not aws.api.ids


def test_long_reason_keeps_its_beginning(aws: World, here: InProcess) -> None:
    event = aws.event("Create", ResourceProperties=properties(Tags=tag_list(k="💥" * 5000)))
    here.invoke(event)
    _, reason = failed(aws, event)
    assert reason.startswith("value of tag 'k'")
