"""Compare parameters with the API reference of Systems Manager."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_aws import LocalAws
from tests.local_aws.model import validate_json_responses

NAME = "/orders/trusted-clients"
TAGS = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": ""}]
RESOURCE = {"ResourceType": "Parameter", "ResourceId": NAME}


@pytest.fixture
def ssm(aws: LocalAws) -> Iterator[Any]:
    client = validate_json_responses(aws.client("ssm"))
    yield client
    for page in client.get_paginator("describe_parameters").paginate():
        for parameter in page["Parameters"]:
            client.delete_parameter(Name=parameter["Name"])


def put(ssm: Any, value: str = "x", **options: Any) -> int:
    return int(ssm.put_parameter(Name=NAME, Value=value, Type="String", **options)["Version"])


def test_put_without_overwrite_only_creates(ssm: Any) -> None:
    assert put(ssm, "first") == 1
    with pytest.raises(ssm.exceptions.ParameterAlreadyExists):
        put(ssm, "second")
    assert ssm.get_parameter(Name=NAME)["Parameter"]["Value"] == "first"


def test_each_overwrite_adds_one_to_the_version(ssm: Any) -> None:
    put(ssm)
    assert [put(ssm, str(n), Overwrite=True) for n in range(3)] == [2, 3, 4]
    parameter = ssm.get_parameter(Name=NAME)["Parameter"]
    assert (parameter["Version"], parameter["Value"], parameter["Type"]) == (4, "2", "String")
    assert parameter["ARN"] == f"arn:aws:ssm:us-east-1:000000000000:parameter{NAME}"


def test_put_with_tags_cannot_overwrite(ssm: Any) -> None:
    for exists in (False, True):
        if exists:
            put(ssm, Tags=TAGS)
        with pytest.raises(ClientError, match=r"ValidationException.*tags and overwrite"):
            put(ssm, Tags=[{"Key": "c", "Value": "3"}], Overwrite=True)
    assert ssm.list_tags_for_resource(**RESOURCE)["TagList"] == TAGS


def test_tags_are_added_overwritten_and_removed(ssm: Any) -> None:
    put(ssm, Tags=TAGS)
    ssm.add_tags_to_resource(**RESOURCE, Tags=[{"Key": "b", "Value": "2"}])
    ssm.remove_tags_from_resource(**RESOURCE, TagKeys=["a"])
    assert ssm.list_tags_for_resource(**RESOURCE)["TagList"] == [{"Key": "b", "Value": "2"}]
    put(ssm, Overwrite=True)
    assert ssm.list_tags_for_resource(**RESOURCE)["TagList"] == [{"Key": "b", "Value": "2"}]


def test_deletion_removes_tags_and_versions(ssm: Any) -> None:
    put(ssm, Tags=TAGS)
    put(ssm, Overwrite=True)
    ssm.delete_parameter(Name=NAME)
    with pytest.raises(ssm.exceptions.ParameterNotFound):
        ssm.get_parameter(Name=NAME)
    with pytest.raises(ssm.exceptions.ParameterNotFound):
        ssm.delete_parameter(Name=NAME)
    assert put(ssm) == 1
    assert ssm.list_tags_for_resource(**RESOURCE)["TagList"] == []


def test_tags_of_a_parameter_that_does_not_exist_are_refused(ssm: Any) -> None:
    calls: tuple[Callable[[], Any], ...] = (
        lambda: ssm.list_tags_for_resource(**RESOURCE),
        lambda: ssm.add_tags_to_resource(**RESOURCE, Tags=TAGS),
        lambda: ssm.remove_tags_from_resource(**RESOURCE, TagKeys=["a"]),
    )
    for call in calls:
        with pytest.raises(ssm.exceptions.InvalidResourceId):
            call()
    put(ssm)
    assert ssm.list_tags_for_resource(**RESOURCE)["TagList"] == []


@pytest.mark.parametrize("character", ["x", "é"])
def test_standard_tier_accepts_at_most_4_kb(ssm: Any, character: str) -> None:
    fits = character * (4096 // len(character.encode()))
    put(ssm, fits)
    with pytest.raises(ClientError, match=r"ValidationException.*4096"):
        put(ssm, fits + character, Overwrite=True)
    parameter = ssm.get_parameter(Name=NAME)["Parameter"]
    assert (parameter["Version"], parameter["Value"]) == (1, fits)


def test_advanced_tier_accepts_at_most_8_kb(ssm: Any) -> None:
    put(ssm, "x" * 8192, Tier="Advanced")
    with pytest.raises(ClientError, match=r"ValidationException.*8192"):
        put(ssm, "x" * 8193, Tier="Advanced", Overwrite=True)


def test_keeps_line_breaks(ssm: Any) -> None:
    put(ssm, "a\r\nb\n")
    assert ssm.get_parameter(Name=NAME)["Parameter"]["Value"] == "a\r\nb\n"
