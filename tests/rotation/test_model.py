"""How a generation is read from its certificate's tags."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lambda_handler.api_gateway import Certificate
from lambda_handler.rotation.model import Generation, in_order, read_generation

EXPIRES = datetime(2028, 1, 1, tzinfo=UTC)
CERTIFICATE = Certificate("abc123", "arn", "the PEM", None, EXPIRES, "", None)
TAGS = {
    "client-certificate:request-id": "r1",
    "client-certificate:generation": "12",
    "client-certificate:published-at": "2027-01-01T00:00:00Z",
    "client-certificate:accepted-at": "2027-01-02T00:00:00+02:00",
    "client-certificate:retired-at": "2027-01-03T00:00:00Z",
    "client-certificate:rotation-reason": "5e55",
}


def test_reads_a_generation() -> None:
    assert read_generation(CERTIFICATE, TAGS) == Generation(
        certificate=CERTIFICATE,
        number=12,
        expires=EXPIRES,
        published=datetime(2027, 1, 1, tzinfo=UTC),
        accepted=datetime(2027, 1, 1, 22, tzinfo=UTC),
        retired=datetime(2027, 1, 3, tzinfo=UTC),
        reason="5e55",
        adopted=False,
    )


def test_reads_a_generation_without_a_state() -> None:
    number = {"client-certificate:generation": "1"}
    assert read_generation(CERTIFICATE, number) == Generation(CERTIFICATE, 1, EXPIRES, adopted=True)


@pytest.mark.parametrize("number", ["", "one", "-1", "1.5", "²", "\u0661"])
def test_certificate_without_a_number_is_not_a_generation(number: str) -> None:
    tags = {**TAGS, "client-certificate:generation": number}
    assert read_generation(CERTIFICATE, tags) is None


def test_certificate_without_the_tag_or_a_date_is_not_a_generation() -> None:
    assert read_generation(CERTIFICATE, {}) is None
    assert read_generation(replace(CERTIFICATE, expires=None), TAGS) is None


@pytest.mark.parametrize("text", ["", "yesterday", "2027-01-01T00:00:00"])
def test_invalid_time_counts_as_absent(text: str) -> None:
    for name in ("published", "accepted", "retired"):
        generation = read_generation(CERTIFICATE, {**TAGS, f"client-certificate:{name}-at": text})
        assert generation is not None
        assert getattr(generation, name) is None


def test_generations_are_ordered_by_number_then_expiry_then_id() -> None:
    def generation(id: str, number: int, days: int) -> Generation:
        return Generation(replace(CERTIFICATE, id=id), number, EXPIRES + timedelta(days=days))

    ordered = (
        generation("z", 1, 9), generation("y", 2, 1), generation("a", 2, 2), generation("b", 2, 2),
    )  # fmt: skip
    assert in_order([*reversed(ordered)]) == ordered
