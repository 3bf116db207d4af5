"""Test what follows the account's clock."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509

from local_aws import LocalAws, LocalAwsError
from tests.local_aws.functions import Function

SOURCE = """
import boto3, datetime, time
imported = time.time()
def handler(event, context):
    start = time.monotonic()
    certificate = boto3.client("apigateway").generate_client_certificate()
    return {
        "imported": imported,
        "time": time.time(),
        "datetime": datetime.datetime.now(datetime.timezone.utc).timestamp(),
        "remaining": context.get_remaining_time_in_millis(),
        "created": certificate["createdDate"].timestamp(),
        "id": certificate["clientCertificateId"],
    }
"""
ALLOWED = [{"Effect": "Allow", "Action": "apigateway:*", "Resource": "*"}]
MINUTE = timedelta(minutes=1)

pytestmark = pytest.mark.usefixtures("restored_clock")


@pytest.fixture
def function(aws: LocalAws) -> Iterator[Function]:
    with Function(aws, "clock", SOURCE, ALLOWED) as function:
        yield function


def near(time: float | datetime, expected: datetime) -> bool:
    if not isinstance(time, datetime):
        time = datetime.fromtimestamp(time, UTC)
    return abs(time - expected) < MINUTE


def test_clock_is_the_machines_until_it_is_set(aws: LocalAws) -> None:
    assert near(aws.now(), datetime.now(UTC))


def test_clock_continues_after_it_is_set(aws: LocalAws) -> None:
    aws.set_clock(datetime(2031, 5, 6, tzinfo=UTC))
    first, second = aws.now(), aws.now()
    assert (
        datetime(2031, 5, 6, tzinfo=UTC) < first < second < datetime(2031, 5, 6, 0, 1, tzinfo=UTC)
    )
    aws.advance(timedelta(days=3))
    assert near(aws.now(), datetime(2031, 5, 9, tzinfo=UTC))


@pytest.mark.parametrize("days", [400, -400])
def test_certificates_are_dated_by_the_clock(aws: LocalAws, client: Any, days: int) -> None:
    expected = datetime.now(UTC) + timedelta(days=days)
    aws.set_clock(expected)
    certificate = client.generate_client_certificate()

    assert near(certificate["createdDate"], expected)
    assert certificate["expirationDate"] - certificate["createdDate"] == timedelta(days=365)
    pem = x509.load_pem_x509_certificate(certificate["pemEncodedCertificate"].encode())
    assert pem.not_valid_before_utc == certificate["createdDate"]
    assert pem.not_valid_after_utc == certificate["expirationDate"]


@pytest.mark.usefixtures("client")
def test_warm_function_follows_the_clock_and_can_make_calls(
    aws: LocalAws, function: Function
) -> None:
    start = function.invoke()
    assert near(start["time"], datetime.now(UTC))
    for days in (100, 800, -30):
        expected = datetime.now(UTC) + timedelta(days=days)
        aws.set_clock(expected)
        result = function.invoke()
        assert result["imported"] == start["imported"], "the process is warm"
        assert near(result["time"], expected)
        assert near(result["datetime"], expected)
        assert near(result["created"], expected)
        assert 0 < result["remaining"] <= 30_000


@pytest.mark.usefixtures("client")
def test_a_new_function_starts_with_the_moved_clock(aws: LocalAws, function: Function) -> None:
    expected = datetime.now(UTC) + timedelta(days=100)
    aws.set_clock(expected)
    assert near(function.invoke()["imported"], expected)


def test_parameters_are_dated_by_the_clock(aws: LocalAws) -> None:
    expected = datetime.now(UTC) + timedelta(days=100)
    aws.set_clock(expected)
    ssm = aws.client("ssm")
    ssm.put_parameter(Name="/clock", Value="x", Type="String")
    assert near(ssm.get_parameter(Name="/clock")["Parameter"]["LastModifiedDate"], expected)
    ssm.delete_parameter(Name="/clock")


def test_refuses_an_invalid_time(aws: LocalAws) -> None:
    with pytest.raises(LocalAwsError, match="Invalid isoformat string: 'tomorrow'"):
        aws._control({"set": "tomorrow"})
