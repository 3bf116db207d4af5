"""How events are parsed, and which are refused."""

import math
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from lambda_handler import request
from lambda_handler.errors import InvalidRequestError
from lambda_handler.request import PreviousProperties, Properties

STACK = "arn:aws:cloudformation:eu-west-1:111111111111:stack/Orders/7f"
SIGNED = 1_798_858_984
"""2 January 2027, 03:03:04 UTC: when this URL was signed, two hours before it expires."""
URL = "https://bucket.example/response?X-Amz-Date=20270102T030304Z&X-Amz-Expires=7200&X-Amz-Foo=a"


def event(type: str = "Create", **more: Any) -> dict[str, Any]:
    return {
        "RequestType": type,
        "ResourceType": "Custom::ApiGatewayClientCertificate",
        "ResponseURL": URL,
        "StackId": STACK,
        "LogicalResourceId": "Certificate",
        "RequestId": "r1",
        **more,
    }


def refusal(**properties: Any) -> str:
    with pytest.raises(InvalidRequestError) as refused:
        request.read(event(ResourceProperties=properties))
    return str(refused.value)


FULL = {
    "ServiceToken": "arn",
    "ServiceTimeout": "1200",
    "Description": "orders",
    "Tags": [{"Key": "team", "Value": "a"}, {"Key": "env"}, {"Key": "b", "Value": "c"}],
    "AdoptClientCertificateId": "abc123",
}


def test_reads_a_create() -> None:
    assert request.read(event(ResourceProperties=FULL)) == request.Request(
        type="Create",
        looks_up=False,
        stack_id=STACK,
        logical_id="Certificate",
        request_id="r1",
        physical_id="",
        desired=Properties("orders", {"team": "a", "b": "c"}, adopt="abc123"),
        previous=PreviousProperties(),
        sent=datetime(2027, 1, 2, 3, 3, 4, tzinfo=UTC),
        listening_until=SIGNED + 1200,
    )


def test_reads_an_update() -> None:
    read = request.read(
        event("Update", PhysicalResourceId="def456", OldResourceProperties=FULL, More="x")
    )
    assert read.type == "Update"
    assert read.physical_id == "def456"
    assert read.desired == Properties()
    assert read.previous == PreviousProperties("orders", {"team": "a", "b": "c"}, "abc123")


def test_ignores_invalid_parts_of_a_delete() -> None:
    bad = {"Unknown": "x", "Description": 5, "Tags": "x", "AdoptClientCertificateId": "abc123"}
    read = request.read(
        event("Delete", PhysicalResourceId=5, ResourceProperties=bad, RequestId="r" * 257)
    )
    assert read.physical_id == ""
    assert read.desired == Properties(adopt="abc123")
    assert request.read(event("Delete")).desired == Properties()


def test_reads_a_lookup() -> None:
    lookup = event(
        ResourceType="Custom::ApiGatewayClientCertificateLookup",
        ResourceProperties={"ServiceToken": "arn", "ClientCertificateId": "abc123"},
    )
    read = request.read(lookup)
    assert read.looks_up
    assert read.desired == Properties(lookup="abc123")


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ({}, "ClientCertificateId is missing: name the certificate to read"),
        ({"Description": "a"}, "unknown property 'Description': use ClientCertificateId"),
        (
            {"ClientCertificateId": "a/b"},
            "ClientCertificateId must be the ID of a client certificate, not 'a/b'",
        ),
    ],
)
def test_refuses_an_invalid_lookup(properties: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        request.read(
            event(
                ResourceType="Custom::ApiGatewayClientCertificateLookup",
                ResourceProperties=properties,
            )
        )
    assert str(refused.value) == reason


def test_resource_type_defaults_to_a_certificate() -> None:
    certificate = event(ResourceProperties={"Description": "a"})
    del certificate["ResourceType"]
    assert not request.read(certificate).looks_up


def test_refuses_the_first_unknown_property_of_a_create() -> None:
    assert refusal(Zebra="x", Colour="red", ServiceToken="arn") == (
        "unknown property 'Colour': use AdoptClientCertificateId, Description, Tags"
    )


def test_update_may_have_unknown_properties() -> None:
    update = event("Update", ResourceProperties={"Colour": "red", "Description": "a"})
    assert request.read(update).desired == Properties("a")


@pytest.mark.parametrize("value", [[1], "x", 0])
def test_refuses_properties_that_are_not_an_object(value: Any) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        request.read(event(ResourceProperties=value))
    assert str(refused.value) == f"ResourceProperties must be an object, not {value!r}"


def test_refuses_properties_of_another_type() -> None:
    assert refusal(Description=5) == "Description must be a string, not 5"
    assert refusal(AdoptClientCertificateId=["a"]) == (
        "AdoptClientCertificateId must be a string, not ['a']"
    )
    assert refusal(AdoptClientCertificateId="") == (
        "AdoptClientCertificateId must be the ID of a client certificate, not ''"
    )
    assert refusal(Tags={"team": "a"}) == (
        "Tags must be a list of objects with Key and Value, not {'team': 'a'}"
    )


def test_refuses_tags_that_break_a_rule() -> None:
    assert refusal(Tags=[{"Key": "", "Value": "a"}]) == (
        "tag key '' has 0 characters: use 1 to 128"
    )


@pytest.mark.parametrize(
    "tag",
    [
        None,
        "team=a",
        {},
        {"Key": 5},
        {"Key": 5, "Value": "a"},
        {"Value": "a"},
        {"Key": "k", "Value": 5},
        {"Key": "k", "Value": None},
        {"Key": "k", "value": "a"},
        {"Key": "k", "Value": "a", "Propagate": "true"},
    ],
)
def test_refuses_a_tag_with_other_members(tag: Any) -> None:
    assert refusal(Tags=[{"Key": "a", "Value": "b"}, tag]) == (
        f"tag {tag!r} must be an object with the strings Key and Value"
    )


def test_refuses_a_tag_key_that_appears_twice() -> None:
    tags = [{"Key": "a", "Value": "b"}, {"Key": "a", "Value": "c"}]
    assert refusal(Tags=tags) == "tag key 'a' appears twice: keys must be unique"


def test_ignores_invalid_previous_properties() -> None:
    read = request.previous_properties
    for unreadable in (None, "x", [1], {"Tags": "x"}, {"Tags": {"Key": "a"}}, {"Description": 5}):
        assert read(unreadable) == PreviousProperties()
    tags = [
        None,
        {"Key": "a", "Value": "b"},
        {"Key": "c", "Value": 5},
        {"Key": 5, "Value": "d"},
        {"Key": "e"},
        {"Value": "f"},
        {"Key": "g", "Value": "h"},
    ]
    assert read({"Tags": tags}).tags == {"a": "b", "g": "h"}


@pytest.mark.parametrize("name", ["StackId", "LogicalResourceId", "RequestId"])
@pytest.mark.parametrize("type", ["Create", "Update"])
def test_refuses_ids_that_cannot_be_tag_values(type: str, name: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        request.read(event(type, **{name: "a*"}))
    assert str(refused.value) == f"{name} 'a*' cannot be the value of a tag"


def test_adoption_changed() -> None:
    read = request.read(event(ResourceProperties={"AdoptClientCertificateId": "abc123"}))
    assert read.adoption_changed
    assert not replace(read, previous=PreviousProperties(adopt="abc123")).adoption_changed


@pytest.mark.parametrize(
    ("stack_id", "name"),
    [(STACK, "Orders"), ("Orders", "Orders"), ("stack/Orders", "stack/Orders"), ("a/b/c/d",) * 2],
)
def test_stack_name_is_part_of_the_stack_id(stack_id: str, name: str) -> None:
    assert request.stack_name(stack_id) == name
    assert replace(request.read(event()), stack_id=stack_id).stack_name == name


@pytest.mark.parametrize(
    ("query", "signed", "expires"),
    [
        ("X-Amz-Date=20270102T030304Z&X-Amz-Expires=7200", SIGNED, SIGNED + 7200),
        ("x-amz-date=20270102T030304Z&x-amz-expires=7200", SIGNED, SIGNED + 7200),
        ("X-Amz-Expires=7200", None, math.inf),
        ("X-Amz-Date=yesterday&X-Amz-Expires=7200", None, math.inf),
        ("X-Amz-Date=20270102T030304Z&X-Amz-Expires=soon", None, math.inf),
        ("Expires=1798866184&Signature=a", None, 1_798_866_184),
        ("Expires=soon", None, math.inf),
        ("", None, math.inf),
    ],
)
def test_reads_the_expiry_of_a_url_from_its_signature(
    query: str, signed: float | None, expires: float
) -> None:
    assert request.validity(f"https://bucket.example/response?{query}") == (signed, expires)


@pytest.mark.parametrize(
    ("timeout", "seconds"),
    [
        ("600", 600),
        (600, 600),
        ("0.5", 0.5),
        ("0", 1200),
        ("-1", 1200),
        ("nan", 1200),
        ("soon", 1200),
        (None, 1200),
        (10**400, 1200),
        ("9000", 7200),
    ],
)
def test_cloudformation_waits_until_its_timeout(timeout: Any, seconds: float) -> None:
    properties = {"ServiceTimeout": timeout}
    assert request.listening_until(event(ResourceProperties=properties)) == SIGNED + seconds


def test_cloudformation_waits_until_the_url_expires() -> None:
    no_date = "https://bucket.example/response?Expires=1798866184"
    assert request.read(event(ResponseURL=no_date)).listening_until == 1_798_866_184
    assert request.read(event(ResponseURL=no_date)).sent is None
    assert request.listening_until(event(ResponseURL="https://bucket.example/")) == math.inf
    assert request.listening_until(event(ResourceProperties=["x"])) == SIGNED + 1200
