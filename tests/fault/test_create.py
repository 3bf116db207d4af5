"""Create: one certificate per request, despite faults and repeated deliveries."""

import dataclasses
import itertools
import json
import re
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from handler_testing import api_errors
from handler_testing.environment import Environment
from handler_testing.fake_api_gateway import InjectedFault
from handler_testing.in_process_function import InProcessFunction
from local_aws.certificate_store import Certificate
from local_aws.client_certificates import ClientCertificates
from local_aws.responses import Response
from tests.fault.expect import (
    attributes,
    create_certificate,
    delete_certificate,
    expect_failure,
    expect_success,
    expected_tags,
    placeholder_id,
    properties,
    responses_to,
    tag_list,
)

LIST = "GET /clientcertificates"
GENERATE = "POST /clientcertificates"


def _fill(environment: Environment, count: int) -> set[str]:
    """Add certificates of other owners and return all IDs."""
    for _ in range(count):
        environment.api_gateway.store.generate("theirs", {"owner": "somebody"})
    return environment.api_gateway.ids


def _change_new_certificates(
    environment: Environment, change: Callable[[Certificate], None]
) -> None:
    """Apply a change to each certificate that API Gateway generates from now on."""
    store = environment.api_gateway.store
    generate = store.generate

    def generate_changed(description: str | None, tags: Mapping[str, str]) -> Certificate:
        certificate = generate(description, tags)
        change(certificate)
        return certificate

    store.generate = generate_changed  # type: ignore[method-assign]


def test_create_sends_description_and_tags(
    environment: Environment, in_process: InProcessFunction
) -> None:
    event, id = create_certificate(environment, in_process)
    assert environment.api_gateway.calls == [LIST, GENERATE]
    certificate = environment.api_gateway.store.certificates[id]
    assert (certificate.description, certificate.tags) == ("backend", expected_tags(event))


@pytest.mark.failure_mode(1)
@pytest.mark.parametrize("listed", [True, False], ids=["tags-in-list", "no-tags-in-list"])
def test_retry_finds_the_certificate_of_a_crashed_create(
    environment: Environment, listed: bool
) -> None:
    environment.api_gateway.store.tags_in_list = listed
    event = environment.event("Create")
    first = environment.function()
    environment.api_gateway.inject(
        InjectedFault("POST", "/clientcertificates", commit=True, do=first.kill)
    )
    assert first.invoke(event).outcome == "died"
    assert not environment.cloudformation.responses
    (existing,) = environment.api_gateway.ids

    second = environment.function()
    assert second.invoke(event).outcome == "returned"
    assert expect_success(environment, event) == existing
    assert environment.api_gateway.count("POST") == 1
    delete_certificate(environment, second, event)
    assert not environment.api_gateway.ids


@pytest.mark.failure_mode(2)
@pytest.mark.usefixtures("tags_in_list")
def test_repeated_create_gets_the_same_response(
    environment: Environment, in_process: InProcessFunction
) -> None:
    event = environment.event("Create")
    assert [in_process.invoke(event).outcome for _ in range(3)] == ["returned"] * 3
    first, *others = responses_to(environment, event)
    assert others == [first, first]
    assert environment.api_gateway.ids == {first["PhysicalResourceId"]}
    assert environment.api_gateway.count("POST") == 1


@pytest.mark.failure_mode(3)
def test_concurrent_creates_return_existing_certificates(environment: Environment) -> None:
    event = environment.event("Create")
    one, other = environment.function(), environment.function()
    together = threading.Barrier(2, timeout=30)
    environment.api_gateway.inject(
        InjectedFault("GET", "/clientcertificates", _empty_list(), times=2, do=together.wait)
    )
    one.start(event)
    other.start(event)
    assert [one.wait(), other.wait()] == ["returned", "returned"]

    responses = responses_to(environment, event)
    assert len(responses) == 2
    for response in responses:
        assert response["Status"] == "SUCCESS"
        assert response["Data"] == attributes(environment, response["PhysicalResourceId"])
    assert environment.api_gateway.count("DELETE") == 0
    assert len(environment.api_gateway.ids) == 2

    delete_certificate(environment, one, event, responses[0]["PhysicalResourceId"])
    assert not environment.api_gateway.ids


@pytest.mark.failure_mode(3)
@pytest.mark.usefixtures("tags_in_list")
def test_delete_after_concurrent_creates_removes_both_certificates(
    environment: Environment, in_process: InProcessFunction
) -> None:
    event = environment.event("Create")
    theirs = _fill(environment, 3)
    twins = [
        environment.api_gateway.store.generate("backend", expected_tags(event)).id for _ in range(2)
    ]
    in_process.invoke(event)
    assert expect_success(environment, event) in twins
    delete_certificate(environment, in_process, event)
    assert environment.api_gateway.ids == theirs


@pytest.mark.failure_mode(4)
@pytest.mark.parametrize("commit", [True, False], ids=["committed", "not-committed"])
@pytest.mark.parametrize(
    "response",
    [
        api_errors.SERVER_ERROR,
        api_errors.UNAVAILABLE,
        None,
        Response(200, {}, b"no JSON"),
        Response(201, {}, b"[]"),
        Response(201, {}, b'{"pemEncodedCertificate": "-"}'),
        Response(201, {}, b'{"clientCertificateId": "abc123", "createdDate": "never"}'),
        Response(500, {}, b'"a JSON text"'),
        Response(502, {}, b"<html>\xff</html>"),
    ],
    ids=["500", "503", "reset", "garbage", "array", "no-id", "bad-date", "500-text", "502-bytes"],
)
def test_lists_certificates_before_retrying_an_ambiguous_generate(
    environment: Environment, in_process: InProcessFunction, response: Response | None, commit: bool
) -> None:
    event = environment.event("Create")
    environment.api_gateway.inject(
        InjectedFault("POST", "/clientcertificates", response, commit=commit)
    )
    assert in_process.invoke(event).outcome == "returned"
    assert environment.api_gateway.ids == {expect_success(environment, event)}
    again = [] if commit else [GENERATE]
    assert environment.api_gateway.calls == [LIST, GENERATE, LIST, *again]


@pytest.mark.failure_mode(4)
def test_lists_certificates_before_retrying_a_timed_out_generate(environment: Environment) -> None:
    event = environment.event("Create")
    environment.api_gateway.inject(
        InjectedFault("POST", "/clientcertificates", None, commit=True, hang=60)
    )
    function = environment.function()
    assert function.invoke(event, seconds=10).outcome == "returned"
    assert environment.api_gateway.ids == {expect_success(environment, event)}
    assert environment.api_gateway.calls == [LIST, GENERATE, LIST]


@pytest.mark.failure_mode(4)
@pytest.mark.parametrize("commit", [True, False], ids=["committed", "not-committed"])
@pytest.mark.usefixtures("tags_in_list")
def test_failing_generate_leaves_no_certificate(
    environment: Environment, in_process: InProcessFunction, commit: bool
) -> None:
    """The list does not show new certificates yet, so each retry may create another one."""
    event = environment.event("Create")
    environment.api_gateway.inject(
        InjectedFault(
            "POST", "/clientcertificates", api_errors.SERVER_ERROR, times=99, commit=commit
        ),
        InjectedFault("GET", "/clientcertificates", _empty_list(), times=6),
    )
    started = in_process.clock.monotonic()
    assert in_process.invoke(event).outcome == "returned"
    assert 30 < in_process.clock.monotonic() - started < 120
    id, reason = expect_failure(environment, event)
    assert id == placeholder_id(event)
    assert "InternalFailure" in reason
    assert "generate_client_certificate failed" in reason
    assert "after 6 attempts" in reason
    assert environment.api_gateway.calls == [LIST, GENERATE] * 6
    assert len(environment.api_gateway.ids) == (6 if commit else 0)
    delete_certificate(environment, in_process, event)
    assert not environment.api_gateway.ids


@pytest.mark.failure_mode(4)
def test_create_succeeds_after_four_server_errors(
    environment: Environment, in_process: InProcessFunction
) -> None:
    """The retries take seconds, and an invocation has minutes."""
    environment.api_gateway.inject(
        InjectedFault("POST", "/clientcertificates", api_errors.SERVER_ERROR, times=4)
    )
    event, _ = create_certificate(environment, in_process)
    assert environment.api_gateway.calls == [LIST, GENERATE] * 5
    delete_certificate(environment, in_process, event)
    assert not environment.api_gateway.ids


@pytest.mark.parametrize("kind", ["Create", "Update"])
@pytest.mark.parametrize(("event_age", "asked_for"), [(30, [2]), (60, [-2, 2])])
def test_gets_tags_only_of_certificates_created_near_the_request(
    environment: Environment,
    in_process: InProcessFunction,
    kind: str,
    event_age: int,
    asked_for: list[int],
) -> None:
    """Each GetTags call counts against the account's 10 requests/s.

    A first delivery cannot have created a certificate that is newer than the event. A redelivery
    must allow for an API Gateway clock that is ahead.
    """
    environment.api_gateway.store.tags_in_list = False
    minutes_old = {
        environment.api_gateway.store.generate("theirs", {}).id: age for age in (-2, 2, 7, 60)
    }
    for id, age in minutes_old.items():
        environment.api_gateway.store.certificates[id].created -= timedelta(minutes=age)
    event = environment.event(
        kind,
        PhysicalResourceId="gone42",
        ResponseURL=environment.cloudformation.url("response-0", age=event_age),
    )
    in_process.invoke(event)
    expect_success(environment, event)
    asked = [
        call.rpartition("%2F")[2] for call in environment.api_gateway.calls if "/tags/" in call
    ]
    assert [minutes_old[id] for id in asked] == asked_for


@pytest.mark.failure_mode(5)
def test_create_with_an_expired_response_url_fails_without_a_call(
    environment: Environment, in_process: InProcessFunction
) -> None:
    event = environment.event(
        "Create", ResponseURL=environment.cloudformation.url("response-0", age=7300)
    )
    in_process.invoke(event)
    id, reason = expect_failure(environment, event)
    assert (id, environment.api_gateway.calls) == (placeholder_id(event), [])
    assert "expired" in reason


@pytest.mark.failure_mode(5)
@pytest.mark.parametrize("kind", ["Create", "Update"])
@pytest.mark.parametrize(
    ("service_timeout", "age", "refused"),
    [
        ("1200", 1190, False),
        ("1200", 1500, True),
        ("3600", 1500, False),
        ("3600", 7190, True),
        ("60", 70, True),
        (None, 1190, False),
        (None, 1500, True),
        ("soon", 1500, True),
        ("-1", 1190, False),
    ],
)
def test_request_after_its_service_timeout_changes_nothing(
    environment: Environment,
    in_process: InProcessFunction,
    kind: str,
    service_timeout: str | None,
    age: int,
    refused: bool,
) -> None:
    """CloudFormation has stopped waiting, although the ResponseURL is still valid."""
    _, id = create_certificate(
        environment, in_process, ResourceProperties=properties(Description="old")
    )
    timeout = {} if service_timeout is None else {"ServiceTimeout": service_timeout}
    event = environment.event(
        kind,
        PhysicalResourceId=id,
        ResponseURL=environment.cloudformation.url("response-0", age=age),
        ResourceProperties=properties(Description="new", **timeout),
    )
    del environment.api_gateway.calls[:]
    in_process.invoke(event)
    if refused:
        assert "CloudFormation had stopped listening" in expect_failure(environment, event)[1]
        assert not environment.api_gateway.calls
    else:
        expect_success(environment, event)


@pytest.mark.failure_mode(5)
@pytest.mark.parametrize(
    ("query", "makes"),
    [
        ("Expires={past}&Signature=x", False),
        ("Expires={future}&Signature=x", True),
        ("X-Amz-Date=20200101T000000Z&X-Amz-Expires=7200", False),
        ("x-amz-date=20200101T000000Z&x-amz-expires=7200", False),
        ("X-Amz-Date=20990101T000000Z&X-Amz-Expires=7200", True),
        ("X-Amz-Date=garbage&X-Amz-Expires=7200", True),
        ("Signature=x", True),
        ("", True),
    ],
)
def test_reads_the_expiry_of_both_signature_versions(
    environment: Environment, in_process: InProcessFunction, query: str, makes: bool
) -> None:
    now = int(datetime.now(UTC).timestamp())
    base = environment.cloudformation.url("response-0").partition("?")[0]
    signed = query.format(past=now - 5, future=now + 3600)
    event = environment.event("Create", ResponseURL=f"{base}?{signed}")
    in_process.invoke(event)
    assert [response["Status"] for response in responses_to(environment, event)] == [
        "SUCCESS" if makes else "FAILED"
    ]
    assert len(environment.api_gateway.ids) == makes


@pytest.mark.failure_mode(29)
@pytest.mark.parametrize(
    ("region", "partition"),
    [("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")],
)
def test_arns_contain_the_partition(environment: Environment, region: str, partition: str) -> None:
    environment.api_gateway.store = ClientCertificates(region, partition, tags_in_list=False)
    environment.region = region
    function = environment.function()
    event, id = create_certificate(environment, function)
    (response,) = responses_to(environment, event)
    arn = f"arn:{partition}:apigateway:{region}::/clientcertificates/{id}"
    assert response["Data"]["ClientCertificateArn"] == arn

    update = environment.event(
        "Update", PhysicalResourceId=id, ResourceProperties=properties(Tags=tag_list(a="b"))
    )
    function.invoke(update)
    expect_success(environment, update)
    assert environment.api_gateway.store.certificates[id].tags["a"] == "b"
    delete_certificate(environment, function, event)
    assert not environment.api_gateway.ids


@pytest.mark.failure_mode(31)
@pytest.mark.parametrize("page", [1, 7, 500])
@pytest.mark.usefixtures("tags_in_list")
def test_create_and_delete_read_every_page(
    environment: Environment, in_process: InProcessFunction, page: int
) -> None:
    theirs = _fill(environment, 30)
    event = environment.event("Create")
    mine = {
        environment.api_gateway.store.generate("backend", expected_tags(event)).id for _ in range(2)
    }
    environment.api_gateway.max_page_size = page
    in_process.invoke(event)
    assert expect_success(environment, event) in mine
    assert environment.api_gateway.count("POST") == 0
    assert environment.api_gateway.count("GET", "/clientcertificates") == -(-32 // page)
    delete_certificate(environment, in_process, event)
    assert environment.api_gateway.ids == theirs


@pytest.mark.failure_mode(31)
def test_create_and_delete_read_more_than_500_certificates(
    environment: Environment, in_process: InProcessFunction
) -> None:
    environment.api_gateway.store.quota = 5000
    theirs = _fill(environment, 1100)
    event = environment.event("Create")
    id = environment.api_gateway.store.generate("backend", expected_tags(event)).id
    in_process.invoke(event)
    assert expect_success(environment, event) == id
    assert environment.api_gateway.calls == [LIST] * 3
    delete_certificate(environment, in_process, event)
    assert environment.api_gateway.ids == theirs


@pytest.mark.failure_mode(31)
def test_retries_a_failed_page_without_skipping_any(
    environment: Environment, in_process: InProcessFunction, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a page were skipped, Create would miss its certificate and generate a second one."""
    _fill(environment, 5)
    event = environment.event("Create")
    id = environment.api_gateway.store.generate("backend", expected_tags(event)).id
    environment.api_gateway.max_page_size = 2
    failures = iter([api_errors.SERVER_ERROR, api_errors.THROTTLED, None])
    requests = itertools.count()
    handle = environment.api_gateway.handle

    def fail_every_second_request(
        method: str, path: str, query: str, body: bytes
    ) -> Response | None:
        if next(requests) % 2:
            with suppress(StopIteration):
                return next(failures)
        return handle(method, path, query, body)

    monkeypatch.setattr(environment.api_gateway, "handle", fail_every_second_request)
    in_process.invoke(event)
    assert expect_success(environment, event) == id
    assert environment.api_gateway.count("POST") == 0


def test_stops_reading_an_endless_list_before_the_deadline(
    environment: Environment, in_process: InProcessFunction
) -> None:
    endless = Response(200, {}, b'{"item": [], "position": "x"}')
    environment.api_gateway.inject(
        InjectedFault(
            "GET",
            "/clientcertificates",
            endless,
            times=10**6,
            do=lambda: in_process.clock.sleep(30),
        )
    )
    event = environment.event("Create")
    assert in_process.invoke(event).outcome == "returned"
    assert expect_failure(environment, event)[0] == placeholder_id(event)
    assert not environment.api_gateway.writes


@pytest.mark.parametrize(
    "fault",
    [
        InjectedFault("GET", "/clientcertificates", api_errors.SERVER_ERROR, times=999),
        InjectedFault(
            "GET", "/clientcertificates", api_errors.error(400, "BadRequestException"), times=999
        ),
        InjectedFault("GET", "/clientcertificates", None, times=999),
    ],
    ids=["500", "400", "reset"],
)
def test_generates_nothing_when_certificates_cannot_be_listed(
    environment: Environment, in_process: InProcessFunction, fault: InjectedFault
) -> None:
    environment.api_gateway.inject(dataclasses.replace(fault))
    event = environment.event("Create")
    assert in_process.invoke(event).outcome == "returned"
    id, reason = expect_failure(environment, event)
    assert id == placeholder_id(event)
    assert "get_client_certificates" in reason
    assert not environment.api_gateway.writes


@pytest.mark.failure_mode(24)
def test_response_that_is_too_long_fails_with_the_certificate_id(
    environment: Environment, in_process: InProcessFunction
) -> None:
    def lengthen(certificate: Certificate) -> None:
        certificate.pem = "P" * 4000

    _change_new_certificates(environment, lengthen)
    event = environment.event("Create")
    assert in_process.invoke(event).outcome == "returned"
    id, reason = expect_failure(environment, event)
    assert environment.api_gateway.ids == {id}
    assert "4096" in reason
    delete_certificate(environment, in_process, event)
    assert not environment.api_gateway.ids


@pytest.mark.failure_mode(13)
def test_create_that_fails_before_generate_is_rolled_back(
    environment: Environment, in_process: InProcessFunction
) -> None:
    theirs = _fill(environment, 2)
    environment.api_gateway.inject(
        InjectedFault("POST", "/clientcertificates", api_errors.error(400, "BadRequestException"))
    )
    event = environment.event("Create")
    in_process.invoke(event)
    assert expect_failure(environment, event)[0] == placeholder_id(event)
    delete_certificate(environment, in_process, event)
    assert environment.api_gateway.ids == theirs


@pytest.mark.failure_mode(13)
def test_create_that_fails_after_generate_is_rolled_back(
    environment: Environment, in_process: InProcessFunction
) -> None:
    def remove_pem(certificate: Certificate) -> None:
        certificate.pem = ""

    _change_new_certificates(environment, remove_pem)
    event = environment.event("Create")
    in_process.invoke(event)
    id, reason = expect_failure(environment, event)
    assert environment.api_gateway.ids == {id}
    assert id in reason
    delete_certificate(environment, in_process, event)
    assert not environment.api_gateway.ids


@pytest.mark.usefixtures("tags_in_list")
def test_two_resources_of_a_stack_have_separate_certificates(
    environment: Environment, in_process: InProcessFunction
) -> None:
    one, first = create_certificate(environment, in_process, LogicalResourceId="One")
    other, second = create_certificate(environment, in_process, LogicalResourceId="Other")
    assert first != second
    delete_certificate(environment, in_process, one)
    assert environment.api_gateway.ids == {second}
    delete_certificate(environment, in_process, other)
    assert not environment.api_gateway.ids


@pytest.mark.usefixtures("tags_in_list")
def test_same_request_id_in_another_stack_is_another_request(
    environment: Environment, in_process: InProcessFunction
) -> None:
    event, mine = create_certificate(environment, in_process)
    environment.stack_id += "-other"
    _, theirs = create_certificate(environment, in_process, RequestId=event["RequestId"] + "x")
    same = environment.event("Create", RequestId=event["RequestId"])
    in_process.invoke(same)
    (_, response) = (
        response
        for response in environment.cloudformation.responses
        if response["RequestId"] == event["RequestId"]
    )
    assert response["PhysicalResourceId"] not in (mine, theirs)
    assert len(environment.api_gateway.ids) == 3


@pytest.mark.failure_mode(3)
@pytest.mark.usefixtures("tags_in_list")
def test_redeliveries_return_the_oldest_certificate(
    environment: Environment, in_process: InProcessFunction
) -> None:
    event = environment.event("Create")
    ids = [environment.api_gateway.store.generate(None, expected_tags(event)).id for _ in range(3)]
    for age, id in enumerate(ids):
        environment.api_gateway.store.certificates[id].created -= timedelta(minutes=age)
    in_process.invoke(event)
    in_process.invoke(event)
    assert [response["PhysicalResourceId"] for response in responses_to(environment, event)] == [
        ids[2]
    ] * 2


def test_finds_a_certificate_in_a_list_without_pems(
    environment: Environment, in_process: InProcessFunction
) -> None:
    event = environment.event("Create")
    in_process.invoke(event)
    id = expect_success(environment, event)
    bare = {"item": [{"clientCertificateId": id, "tags": expected_tags(event)}]}
    environment.api_gateway.inject(
        InjectedFault(
            "GET", "/clientcertificates", Response(200, {}, json.dumps(bare).encode()), times=9
        )
    )
    in_process.invoke(event)
    first, second = responses_to(environment, event)
    assert second == first
    assert environment.api_gateway.count("POST") == 1


def test_get_tags_response_without_tags_means_no_tags(
    environment: Environment, in_process: InProcessFunction
) -> None:
    """For a certificate without tags, the real response may omit the member."""
    environment.api_gateway.store.tags_in_list = False
    _fill(environment, 2)
    environment.api_gateway.inject(
        InjectedFault("GET", "/tags/.*", Response(200, {}, b"{}"), times=99)
    )
    create_certificate(environment, in_process)


def test_rereads_a_certificate_whose_generate_response_has_only_an_id(
    environment: Environment, in_process: InProcessFunction, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = environment.event("Create")
    generated: list[str] = []

    handle = environment.api_gateway.handle

    def keep_only_the_id(method: str, path: str, query: str, body: bytes) -> Response:
        response = handle(method, path, query, body)
        if method == "POST":
            generated.append(json.loads(response.body)["clientCertificateId"])
            bare = json.dumps({"clientCertificateId": generated[0]}).encode()
            return Response(201, response.headers, bare)
        return response

    monkeypatch.setattr(environment.api_gateway, "handle", keep_only_the_id)
    in_process.invoke(event)
    assert [expect_success(environment, event)] == generated
    assert environment.api_gateway.count("POST") == 1
    assert re.fullmatch(r"\w+", generated[0])


def _empty_list() -> Response:
    return Response(200, {}, b'{"item": []}')
