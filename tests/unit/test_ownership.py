"""Which certificates a resource owns."""

import pytest

from lambda_handler.ownership import made_by, other_owner, tags_of_adopter, tags_of_request
from lambda_handler.request import PreviousProperties, Properties, Request

STACK = "arn:aws:cloudformation:eu-west-1:111111111111:stack/Orders/7f"
ADOPTER = {"client-certificate:stack-id": STACK, "client-certificate:logical-id": "Certificate"}
MAKER = {**ADOPTER, "client-certificate:request-id": "r1"}
REQUEST = Request(
    type="Update",
    looks_up=False,
    stack_id=STACK,
    logical_id="Certificate",
    request_id="r2",
    physical_id="abc123",
    desired=Properties(),
    previous=PreviousProperties(),
    sent=None,
    listening_until=0,
)


def test_ownership_tags() -> None:
    assert tags_of_request(REQUEST, "r1") == MAKER
    assert tags_of_adopter(REQUEST) == ADOPTER


def test_resource_created_a_certificate_with_its_three_tags() -> None:
    assert made_by(REQUEST, {**MAKER, "team": "a"})


@pytest.mark.parametrize(
    "tags",
    [
        {},
        ADOPTER,
        {**MAKER, "client-certificate:stack-id": STACK + "8"},
        {**MAKER, "client-certificate:logical-id": "Other"},
        {"client-certificate:request-id": "r2"},
    ],
    ids=["none", "adopter", "stack", "logical", "request"],
)
def test_resource_did_not_create_a_certificate_with_other_tags(tags: dict[str, str]) -> None:
    assert not made_by(REQUEST, tags)


def test_stack_owns_certificates_of_an_earlier_stack_with_its_name() -> None:
    again = STACK.replace("7f", "8a")
    assert other_owner(again, ADOPTER) is None
    assert other_owner(again, {}) is None


def test_certificate_of_a_stack_with_another_name_has_another_owner() -> None:
    assert other_owner(STACK.replace("Orders", "Billing"), ADOPTER) == STACK
