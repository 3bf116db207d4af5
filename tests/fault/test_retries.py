"""Retries: only while they can help, within the deadline, and with a Reason if they fail.

Sleeps return at once: `in_process.clock` adds them up.
"""

import json
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from handler_testing import api_errors
from handler_testing.environment import Environment
from handler_testing.fake_api_gateway import InjectedFault
from handler_testing.in_process_function import InProcessFunction, SkippingClock
from lambda_handler import deadline
from local_aws.certificate_store import Certificate
from local_aws.client_certificates import ClientCertificates
from local_aws.issuing import VALIDITY
from local_aws.responses import Response
from local_aws.throttling import TokenBucket
from tests.fault.expect import (
    create_certificate,
    delete_certificate,
    delete_event,
    expect_failure,
    expect_success,
    placeholder_id,
    properties,
)


def _throttled(retry_after: str) -> Response:
    response = api_errors.error(429, "TooManyRequestsException", "Too Many Requests")
    return Response(429, {**response.headers, "Retry-After": retry_after}, response.body)


@pytest.mark.failure_mode(7)
def test_throttled_call_waits_for_retry_after(
    environment: Environment, in_process: InProcessFunction
) -> None:
    environment.api_gateway.inject(
        *(InjectedFault("POST", ".*", _throttled(seconds)) for seconds in ("3", "5", "7", "11")),
    )
    event = environment.event("Create")
    in_process.invoke(event)
    expect_success(environment, event)
    assert environment.api_gateway.count("POST") == 5
    delays = [delay for delay in in_process.clock.slept if delay >= 1]
    assert all(delay >= least for delay, least in zip(delays, (3, 5, 7, 11), strict=True))


@pytest.mark.failure_mode(7)
def test_delays_between_throttled_calls_have_jitter(
    environment: Environment, in_process: InProcessFunction
) -> None:
    """Without jitter, throttled callers would retry in step."""
    environment.api_gateway.inject(InjectedFault("POST", ".*", _throttled("1"), times=5))
    in_process.invoke(environment.event("Create"))
    delays = [delay for delay in in_process.clock.slept if delay >= 1]
    assert len(delays) == len(set(delays)) == 5


@pytest.mark.failure_mode(7)
@pytest.mark.parametrize("call", ["GET", "POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.usefixtures("tags_in_list")
def test_retries_every_throttled_call(
    environment: Environment, in_process: InProcessFunction, call: str
) -> None:
    environment.api_gateway.inject(InjectedFault(call, ".*", _throttled("2"), times=3))
    event, id = create_certificate(environment, in_process)
    changed = properties(Description="new", Tags=[])
    update = environment.event(
        "Update",
        PhysicalResourceId=id,
        ResourceProperties={**changed, "Tags": [{"Key": "b", "Value": "c"}]},
        OldResourceProperties=event["ResourceProperties"],
    )
    in_process.invoke(update)
    assert expect_success(environment, update) == id
    delete_certificate(environment, in_process, event)
    assert not environment.api_gateway.ids
    assert not environment.api_gateway.faults[0].times


@pytest.mark.failure_mode(7)
@pytest.mark.parametrize("retry_after", ["1", "3600", "1e400", "-5", "soon", "nan"])
def test_permanent_throttling_fails_before_the_deadline(
    environment: Environment, in_process: InProcessFunction, retry_after: str
) -> None:
    environment.api_gateway.inject(
        InjectedFault("POST", ".*", _throttled(retry_after), times=10**6)
    )
    event = environment.event("Create")
    started = in_process.clock.monotonic()
    assert in_process.invoke(event).outcome == "returned"
    assert in_process.clock.monotonic() - started < 290
    id, reason = expect_failure(environment, event)
    assert id == placeholder_id(event)
    assert "throttled" in reason
    assert "10 requests/s" in reason


@pytest.mark.failure_mode(8)
def test_full_quota_fails_quickly_and_is_named(
    environment: Environment, in_process: InProcessFunction
) -> None:
    environment.api_gateway.store.quota = 0
    event = environment.event("Create")
    started = in_process.clock.monotonic()
    in_process.invoke(event)
    id, reason = expect_failure(environment, event)
    assert id == placeholder_id(event)
    assert "quota" in reason
    assert "L-824C9E42" in reason
    assert in_process.clock.monotonic() - started < 30
    assert 2 <= environment.api_gateway.count("POST") <= 12
    delete_certificate(environment, in_process, event)


@pytest.mark.failure_mode(8)
def test_retries_while_the_quota_is_full(
    environment: Environment, in_process: InProcessFunction
) -> None:
    """Another stack may be deleting certificates at the same time."""
    environment.api_gateway.inject(InjectedFault("POST", ".*", api_errors.QUOTA_FULL, times=2))
    create_certificate(environment, in_process)


@pytest.mark.failure_mode(9)
@pytest.mark.parametrize("call", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_retries_every_call_that_conflicts(
    environment: Environment, in_process: InProcessFunction, call: str
) -> None:
    environment.api_gateway.inject(InjectedFault(call, ".*", api_errors.CONFLICT, times=3))
    event, id = create_certificate(environment, in_process)
    update = environment.event(
        "Update",
        PhysicalResourceId=id,
        ResourceProperties=properties(Description="new", Tags=[{"Key": "b", "Value": "c"}]),
        OldResourceProperties=event["ResourceProperties"],
    )
    in_process.invoke(update)
    assert expect_success(environment, update) == id
    delete_certificate(environment, in_process, event)
    assert not environment.api_gateway.ids
    assert environment.api_gateway.count("POST") == 1 + 3 * (call == "POST")


@pytest.mark.failure_mode(9)
def test_retries_of_a_permanent_conflict_are_bounded(
    environment: Environment, in_process: InProcessFunction
) -> None:
    environment.api_gateway.inject(InjectedFault("POST", ".*", api_errors.CONFLICT, times=10**6))
    event = environment.event("Create")
    started = in_process.clock.monotonic()
    in_process.invoke(event)
    _, reason = expect_failure(environment, event)
    assert "ConflictException" in reason
    assert 10 < in_process.clock.monotonic() - started < 120
    assert environment.api_gateway.count("POST") < 100


@pytest.mark.failure_mode(27)
@pytest.mark.parametrize("denial", [api_errors.DENIED, api_errors.UNAUTHORIZED], ids=["403", "401"])
@pytest.mark.parametrize("call", ["GET", "POST"])
def test_retries_access_denied_while_iam_propagates(
    environment: Environment, in_process: InProcessFunction, call: str, denial: Response
) -> None:
    granted = in_process.clock.monotonic() + 30
    fault = InjectedFault(call, ".*", denial, times=10**6)

    def grant() -> None:
        if in_process.clock.monotonic() > granted:
            fault.times = 0

    fault.do = grant
    environment.api_gateway.inject(fault)
    create_certificate(environment, in_process)
    assert 25 < sum(in_process.clock.slept) < 60
    assert environment.api_gateway.count("POST") == 1 or call == "POST"


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
@pytest.mark.parametrize("denial", [api_errors.DENIED, api_errors.UNAUTHORIZED], ids=["403", "401"])
@pytest.mark.parametrize(
    ("kind", "method", "path", "verb", "resource"), ACTIONS.values(), ids=ACTIONS
)
def test_permanent_access_denied_names_action_and_resource(
    environment: Environment,
    in_process: InProcessFunction,
    kind: str,
    method: str,
    path: str,
    verb: str,
    resource: str,
    denial: Response,
) -> None:
    environment.api_gateway.store.tags_in_list = False
    event, id = (
        create_certificate(environment, in_process)
        if kind != "Create"
        else (environment.event("Create"), "")
    )
    if kind != "Create":
        event = environment.event(
            kind,
            PhysicalResourceId=id,
            ResourceProperties=properties(Description="new", Tags=[{"Key": "b", "Value": "c"}]),
            OldResourceProperties=event["ResourceProperties"],
        )
    environment.api_gateway.inject(InjectedFault(method, path, denial, times=10**6))
    started = in_process.clock.monotonic()
    assert in_process.invoke(event).outcome == "returned"
    assert 30 < in_process.clock.monotonic() - started < 120
    physical_id, reason = expect_failure(environment, event)
    assert physical_id == (id or placeholder_id(event))
    arn = f"arn%3Aaws%3Aapigateway%3Aus-east-1%3A%3A%2Fclientcertificates%2F{id}"
    named = "arn:aws:apigateway:us-east-1::" + resource.format(id=id, arn=arn)
    assert f"apigateway:{verb} on {named}" in reason
    assert json.loads(denial.body)["message"] in reason


@pytest.mark.failure_mode(33)
@pytest.mark.parametrize("tags_in_list", [True, False])
def test_sixty_concurrent_creates_succeed(
    environment: Environment,
    in_process: InProcessFunction,
    tags_in_list: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """120 calls share 10 requests/s, and the bucket starts four seconds behind.

    Time runs ten times faster.
    """
    clock = SkippingClock(speed=10)
    in_process.use_clock(clock)
    lag = 0.0
    bucket = TokenBucket(clock=lambda: clock.monotonic() - lag)
    store = ClientCertificates(throttled=True, bucket=bucket, tags_in_list=tags_in_list)
    environment.api_gateway.store = store
    origin = datetime.now(UTC) - timedelta(seconds=clock.monotonic())

    def now(_: object = None) -> datetime:
        return origin + timedelta(seconds=clock.monotonic())

    _date_new_certificates(store, now)
    monkeypatch.setattr(deadline, "datetime", SimpleNamespace(now=now))
    events = [environment.event("Create", LogicalResourceId=f"Certificate{n}") for n in range(60)]

    def exhaust_bucket() -> None:
        nonlocal lag
        lag = 8.0  # takes 80 tokens from a bucket of 40, which then needs four seconds to recover

    start = threading.Barrier(60, action=exhaust_bucket)

    def deliver(event: dict[str, object]) -> str:
        start.wait()
        return in_process.invoke(event).outcome

    with ThreadPoolExecutor(60) as pool:
        assert list(pool.map(deliver, events)) == ["returned"] * 60
    assert {expect_success(environment, event) for event in events} == environment.api_gateway.ids
    assert len(environment.api_gateway.ids) == 60
    assert len(environment.api_gateway.calls) > 120, "some were throttled"
    assert len(environment.api_gateway.store.certificates) == environment.api_gateway.store.quota
    assert environment.api_gateway.count("GET", "/tags/.*") <= 60


def _date_new_certificates(store: ClientCertificates, now: Callable[[], datetime]) -> None:
    """Date new certificates by the simulated clock."""
    generate = store.generate

    def generate_dated(description: str | None, tags: Mapping[str, str]) -> Certificate:
        certificate = generate(description, tags)
        certificate.created = now().replace(microsecond=0)
        certificate.expires = certificate.created + VALIDITY
        return certificate

    store.generate = generate_dated  # type: ignore[method-assign]


@pytest.mark.parametrize("code", ["ExpiredTokenException", "UnrecognizedClientException"])
def test_rejected_credentials_are_not_reported_as_missing_permissions(
    environment: Environment, in_process: InProcessFunction, code: str
) -> None:
    environment.api_gateway.inject(
        InjectedFault("GET", ".*", api_errors.error(403, code), times=10**6)
    )
    event = environment.event("Create")
    in_process.invoke(event)
    _, reason = expect_failure(environment, event)
    assert code in reason
    assert "credentials" in reason
    assert "deploy again" in reason
    assert "role needs" not in reason


def test_permanent_server_error_is_retried_then_named(
    environment: Environment, in_process: InProcessFunction
) -> None:
    event, id = create_certificate(environment, in_process)
    environment.api_gateway.inject(
        InjectedFault("DELETE", ".*", api_errors.UNAVAILABLE, times=10**6)
    )
    delete = delete_event(environment, event)
    in_process.invoke(delete)
    physical_id, reason = expect_failure(environment, delete)
    assert physical_id == id
    assert "ServiceUnavailableException" in reason
    assert 3 < environment.api_gateway.count("DELETE") < 60
    environment.api_gateway.faults.clear()
    delete_certificate(environment, in_process, event)
    assert not environment.api_gateway.ids
