"""The forms of a physical ID."""

import pytest

from lambda_handler import physical_id


def test_physical_id_of_a_request_contains_the_request_id() -> None:
    assert physical_id.of_request("7f-1") == "request:7f-1"
    assert physical_id.request_id("request:7f-1") == "7f-1"
    assert physical_id.request_id("abc123") is None
    assert physical_id.request_id("lookup:request:7f-1") is None


def test_physical_id_of_a_lookup_is_not_a_certificate_id() -> None:
    assert physical_id.of_lookup("abc123") == "lookup:abc123"
    assert not physical_id.is_certificate_id(physical_id.of_lookup("abc123"))


@pytest.mark.parametrize("text", ["abc123", "a-b", "a" * 64])
def test_accepts_certificate_ids(text: str) -> None:
    assert physical_id.is_certificate_id(text)


@pytest.mark.parametrize("text", ["", "-", "a" * 65, "a/b", "a b", "..", "ä", "request:a"])
def test_rejects_invalid_certificate_ids(text: str) -> None:
    assert not physical_id.is_certificate_id(text)
