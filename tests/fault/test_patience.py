"""Waiting: as long as it can help, no longer than the deadline, and with a Reason at the end.

Sleeps take no time here: `here.clock` counts them instead.
"""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from lambda_handler import deadline
from local_aws import client_certificates
from local_aws.client_certificates import ClientCertificates, TokenBucket
from tests.fault import fakes
from tests.fault.expect import (
    created,
    delete_of,
    deleted,
    failed,
    placeholder,
    properties,
    succeeded,
)
from tests.fault.fakes import Fault, Response, World
from tests.fault.quick_handler import Clock, InProcess


def _throttled(retry_after: str) -> Response:
    response = fakes.error(429, "TooManyRequestsException", "Too Many Requests")
    return Response(429, {**response.headers, "Retry-After": retry_after}, response.body)


@pytest.mark.failure_mode(7)
def test_throttled_call_waits_as_retry_after_says(aws: World, here: InProcess) -> None:
    aws.api.script(
        *(Fault("POST", ".*", _throttled(seconds)) for seconds in ("3", "5", "7", "11")),
    )
    event = aws.event("Create")
    here.invoke(event)
    succeeded(aws, event)
    assert aws.api.count("POST") == 5
    pauses = [pause for pause in here.clock.slept if pause >= 1]
    assert [pause >= told for pause, told in zip(pauses, (3, 5, 7, 11), strict=True)] == [True] * 4


@pytest.mark.failure_mode(7)
def test_delays_between_throttled_calls_have_jitter(aws: World, here: InProcess) -> None:
    """All that were throttled together would come back together."""
    aws.api.script(Fault("POST", ".*", _throttled("1"), times=5))
    here.invoke(aws.event("Create"))
    pauses = [pause for pause in here.clock.slept if pause >= 1]
    assert len(pauses) == len(set(pauses)) == 5


@pytest.mark.failure_mode(7)
@pytest.mark.parametrize("call", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_retries_every_throttled_call(
    aws: World, here: InProcess, tags_told: bool, call: str
) -> None:
    aws.api.script(Fault(call, ".*", _throttled("2"), times=3))
    event, id = created(aws, here)
    changed = properties(Description="new", Tags=[])
    update = aws.event(
        "Update",
        PhysicalResourceId=id,
        ResourceProperties={**changed, "Tags": [{"Key": "b", "Value": "c"}]},
        OldResourceProperties=event["ResourceProperties"],
    )
    here.invoke(update)
    assert succeeded(aws, update) == id
    deleted(aws, here, event)
    assert not aws.api.ids
    assert not aws.api.faults[0].times


@pytest.mark.failure_mode(7)
@pytest.mark.parametrize("retry_after", ["1", "3600", "1e400", "-5", "soon", "nan"])
def test_permanent_throttling_fails_before_the_deadline(
    aws: World, here: InProcess, retry_after: str
) -> None:
    aws.api.script(Fault("POST", ".*", _throttled(retry_after), times=10**6))
    event = aws.event("Create")
    started = here.clock.monotonic()
    assert here.invoke(event).ended == "returned"
    assert here.clock.monotonic() - started < 290
    id, reason = failed(aws, event)
    assert id == placeholder(event)
    assert "throttled" in reason
    assert "10 requests/s" in reason


@pytest.mark.failure_mode(8)
def test_full_quota_fails_quickly_and_is_named(aws: World, here: InProcess) -> None:
    aws.api.api.quota = 0
    event = aws.event("Create")
    started = here.clock.monotonic()
    here.invoke(event)
    id, reason = failed(aws, event)
    assert id == placeholder(event)
    assert "quota" in reason
    assert "L-824C9E42" in reason
    assert here.clock.monotonic() - started < 30
    assert 2 <= aws.api.count("POST") <= 12
    deleted(aws, here, event)


@pytest.mark.failure_mode(8)
def test_retries_while_the_quota_is_full(aws: World, here: InProcess) -> None:
    """Another stack's Delete may be on its way."""
    aws.api.script(Fault("POST", ".*", fakes.QUOTA_FULL, times=2))
    created(aws, here)


@pytest.mark.failure_mode(9)
@pytest.mark.parametrize("call", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_retries_every_call_that_conflicts(aws: World, here: InProcess, call: str) -> None:
    aws.api.script(Fault(call, ".*", fakes.CONFLICT, times=3))
    event, id = created(aws, here)
    update = aws.event(
        "Update",
        PhysicalResourceId=id,
        ResourceProperties=properties(Description="new", Tags=[{"Key": "b", "Value": "c"}]),
        OldResourceProperties=event["ResourceProperties"],
    )
    here.invoke(update)
    assert succeeded(aws, update) == id
    deleted(aws, here, event)
    assert not aws.api.ids
    assert aws.api.count("POST") == 1 + 3 * (call == "POST")


@pytest.mark.failure_mode(9)
def test_retries_of_a_permanent_conflict_are_bounded(aws: World, here: InProcess) -> None:
    aws.api.script(Fault("POST", ".*", fakes.CONFLICT, times=10**6))
    event = aws.event("Create")
    started = here.clock.monotonic()
    here.invoke(event)
    _, reason = failed(aws, event)
    assert "ConflictException" in reason
    assert 10 < here.clock.monotonic() - started < 120
    assert aws.api.count("POST") < 100


@pytest.mark.failure_mode(27)
@pytest.mark.parametrize("denial", [fakes.DENIED, fakes.UNAUTHORIZED], ids=["403", "401"])
@pytest.mark.parametrize("call", ["GET", "POST"])
def test_retries_access_denied_while_iam_propagates(
    aws: World, here: InProcess, call: str, denial: Response
) -> None:
    granted = here.clock.monotonic() + 30
    fault = Fault(call, ".*", denial, times=10**6)

    def grant() -> None:
        if here.clock.monotonic() > granted:
            fault.times = 0

    fault.do = grant
    aws.api.script(fault)
    created(aws, here)
    assert 25 < sum(here.clock.slept) < 60
    assert aws.api.count("POST") == 1 or call == "POST"


ACTIONS = {
    "list": ("Create", "GET", "/clientcertificates", "GET", "/clientcertificates"),
    "generate": ("Create", "POST", ".*", "POST", "/clientcertificates"),
    "get": ("Update", "GET", "/clientcertificates/.*", "GET", "/clientcertificates/{id}"),
    "update": ("Update", "PATCH", ".*", "PATCH", "/clientcertificates/{id}"),
    "tag": ("Update", "PUT", ".*", "PUT", "/tags/{arn}"),
    "untag": ("Update", "DELETE", "/tags/.*", "DELETE", "/tags/{arn}"),
    "get-tags": ("Delete", "GET", "/tags/.*", "GET", "/tags/{arn}"),
    "delete": ("Delete", "DELETE", ".*", "DELETE", "/clientcertificates/{id}"),
}


@pytest.mark.failure_mode(28)
@pytest.mark.parametrize("denial", [fakes.DENIED, fakes.UNAUTHORIZED], ids=["403", "401"])
@pytest.mark.parametrize(
    ("kind", "method", "path", "verb", "resource"), ACTIONS.values(), ids=ACTIONS
)
def test_permanent_access_denied_names_action_and_resource(
    aws: World,
    here: InProcess,
    kind: str,
    method: str,
    path: str,
    verb: str,
    resource: str,
    denial: Response,
) -> None:
    aws.api.api.tags_in_list = False
    event, id = created(aws, here) if kind != "Create" else (aws.event("Create"), "")
    if kind != "Create":
        event = aws.event(
            kind,
            PhysicalResourceId=id,
            ResourceProperties=properties(Description="new", Tags=[{"Key": "b", "Value": "c"}]),
            OldResourceProperties=event["ResourceProperties"],
        )
    aws.api.script(Fault(method, path, denial, times=10**6))
    started = here.clock.monotonic()
    assert here.invoke(event).ended == "returned"
    assert 30 < here.clock.monotonic() - started < 120
    answered, reason = failed(aws, event)
    assert answered == (id or placeholder(event))
    arn = f"arn%3Aaws%3Aapigateway%3Aus-east-1%3A%3A%2Fclientcertificates%2F{id}"
    named = "arn:aws:apigateway:us-east-1::" + resource.format(id=id, arn=arn)
    assert f"apigateway:{verb} on {named}" in reason
    assert json.loads(denial.body)["message"] in reason


@pytest.mark.failure_mode(33)
@pytest.mark.parametrize("tags_in_list", [True, False])
def test_sixty_concurrent_creates_all_succeed(
    aws: World, here: InProcess, tags_in_list: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """120 calls against 10 a second, four seconds of which others spent; time runs tenfold."""
    clock = Clock(speed=10)
    here.use(clock)
    bucket = TokenBucket(clock=clock.monotonic)
    aws.api.api = ClientCertificates(throttled=True, bucket=bucket, tags_in_list=tags_in_list)
    # Dates that follow the clock: in real time, all happens within a second.
    began, at = datetime.now(UTC), clock.monotonic()

    def date() -> datetime:
        return began + timedelta(seconds=clock.monotonic() - at)

    issue = client_certificates._issue

    def issue_by_the_clock() -> tuple[str, str, datetime]:
        pem, key, _ = issue()
        return pem, key, date().replace(microsecond=0)

    monkeypatch.setattr(client_certificates, "_issue", issue_by_the_clock)
    monkeypatch.setattr(deadline, "datetime", SimpleNamespace(now=lambda _: date()))
    events = [aws.event("Create", LogicalResourceId=f"Certificate{n}") for n in range(60)]

    def spend() -> None:
        bucket._tokens, bucket._at = -40.0, clock.monotonic()

    together = threading.Barrier(60, action=spend)

    def deliver(event: dict[str, object]) -> str:
        together.wait()
        return here.invoke(event).ended

    with ThreadPoolExecutor(60) as pool:
        assert list(pool.map(deliver, events)) == ["returned"] * 60
    assert {succeeded(aws, event) for event in events} == aws.api.ids
    assert len(aws.api.ids) == 60
    assert len(aws.api.calls) > 120, "some were throttled"
    assert len(aws.api.api.certificates) == aws.api.api.quota
    assert aws.api.count("GET", "/tags/.*") <= 60


@pytest.mark.parametrize("code", ["ExpiredTokenException", "UnrecognizedClientException"])
def test_rejected_credentials_are_not_reported_as_missing_permissions(
    aws: World, here: InProcess, code: str
) -> None:
    aws.api.script(Fault("GET", ".*", fakes.error(403, code), times=10**6))
    event = aws.event("Create")
    here.invoke(event)
    _, reason = failed(aws, event)
    assert code in reason
    assert "credentials" in reason
    assert "deploy again" in reason
    assert "role needs" not in reason


def test_permanent_server_error_is_retried_then_named(aws: World, here: InProcess) -> None:
    event, id = created(aws, here)
    aws.api.script(Fault("DELETE", ".*", fakes.UNAVAILABLE, times=10**6))
    delete = delete_of(aws, event)
    here.invoke(delete)
    answered, reason = failed(aws, delete)
    assert answered == id
    assert "ServiceUnavailableException" in reason
    assert 3 < aws.api.count("DELETE") < 60
    aws.api.faults.clear()
    deleted(aws, here, event)
    assert not aws.api.ids
