"""The changes that an Update writes, and the attributes in a response."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from lambda_handler.api_gateway import Certificate
from lambda_handler.changes import attributes, description_change, tag_changes
from lambda_handler.errors import RefusedError

CERTIFICATE = Certificate(
    id="abc123",
    arn="arn:aws:apigateway:eu-west-1::/clientcertificates/abc123",
    pem="the PEM",
    created=datetime(2027, 1, 2, 3, 4, 5, 678, tzinfo=UTC),
    expires=datetime(2028, 1, 2, 1, 0, tzinfo=timezone(timedelta(hours=2))),
    description="",
    tags=None,
)


def test_writes_tags_that_are_missing_or_differ() -> None:
    live = {"same": "1", "differs": "1"}
    desired = {"same": "1", "differs": "2", "missing": "3"}
    assert tag_changes(live, desired, {}) == ({"differs": "2", "missing": "3"}, [])


def test_removes_tags_that_the_template_dropped() -> None:
    live = {"dropped": "1", "dropped too": "2", "kept": "3"}
    assert tag_changes(live, {"kept": "3"}, live) == ({}, ["dropped", "dropped too"])


@pytest.mark.parametrize(
    "live", [{"team": "written by somebody else"}, {}, {"other": "1"}], ids=["differs", "gone", "-"]
)
def test_removes_no_tag_that_the_template_did_not_write(live: dict[str, str]) -> None:
    assert tag_changes(live, {}, {"team": "a"}) == ({}, [])


def test_replaces_a_tag_without_removing_it() -> None:
    assert tag_changes({"team": "a"}, {"team": "b"}, {"team": "a"}) == ({"team": "b"}, [])


def test_removes_no_ownership_tag() -> None:
    own = {"client-certificate:stack-id": "1"}
    assert tag_changes(own, {}, own) == ({}, [])


@pytest.mark.parametrize(
    ("live", "desired", "previous", "change"),
    [
        ("a", "a", "a", None),
        ("a", "b", "a", "b"),
        ("", "b", None, "b"),
        ("a", "", "a", ""),
        ("a", None, "a", ""),
        ("by hand", None, "a", None),
        ("by hand", None, None, None),
        ("", None, "", None),
    ],
)
def test_description_change(
    live: str, desired: str | None, previous: str | None, change: str | None
) -> None:
    assert description_change(live, desired, previous) == change


@pytest.fixture
def _local_time_of_tokyo() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("_local_time_of_tokyo")
def test_attributes_are_strings_with_dates_in_utc() -> None:
    assert attributes(CERTIFICATE) == {
        "ClientCertificateId": "abc123",
        "ClientCertificateArn": "arn:aws:apigateway:eu-west-1::/clientcertificates/abc123",
        "PemEncodedCertificate": "the PEM",
        "CreatedDate": "2027-01-02T03:04:05Z",
        "ExpirationDate": "2028-01-01T23:00:00Z",
    }


@pytest.mark.parametrize(
    "certificate",
    [
        replace(CERTIFICATE, pem=""),
        replace(CERTIFICATE, created=None),
        replace(CERTIFICATE, expires=None),
    ],
    ids=["pem", "created", "expires"],
)
def test_certificate_without_its_pem_or_dates_is_refused(certificate: Certificate) -> None:
    with pytest.raises(RefusedError) as refusal:
        attributes(certificate)
    assert str(refusal.value) == (
        "API Gateway returned client certificate abc123 without its PEM or dates: deploy again"
    )
