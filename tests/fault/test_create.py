"""Create: one certificate for each request, whatever fails and however often it is delivered."""

import dataclasses
import json
import re
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local_aws import client_certificates
from local_aws.client_certificates import ClientCertificates, Response
from tests.fault import fakes
from tests.fault.expect import (
    answers_to,
    attributes,
    created,
    deleted,
    failed,
    placeholder,
    properties,
    succeeded,
    tag_list,
    tags_of,
)
from tests.fault.fakes import Fault, World
from tests.fault.quick_handler import InProcess

LIST = "GET /clientcertificates"
GENERATE = "POST /clientcertificates"


def _fill(aws: World, count: int) -> set[str]:
    """Other people's certificates, made today."""
    api = aws.api.api
    first = api.generate("theirs", {"owner": "somebody"})
    for number in range(1, count):
        api._sequence += 1
        copy = dataclasses.replace(first, id=f"theirs{number:05d}", sequence=api._sequence)
        api.certificates[copy.id] = copy
    return aws.api.ids


def test_create_sends_description_and_tags(aws: World, here: InProcess) -> None:
    event, id = created(aws, here)
    assert aws.api.calls == [LIST, GENERATE]
    made = aws.api.api.certificates[id]
    assert (made.description, made.tags) == ("backend", tags_of(event))


@pytest.mark.failure_mode(1)
@pytest.mark.parametrize("told", [True, False], ids=["tags-in-list", "no-tags-in-list"])
def test_retry_finds_the_certificate_of_a_crashed_create(aws: World, told: bool) -> None:
    aws.api.api.tags_in_list = told
    event = aws.event("Create")
    first = aws.function()
    aws.api.script(Fault("POST", "/clientcertificates", commit=True, do=first.kill))
    assert first.invoke(event).ended == "died"
    assert not aws.cloudformation.answers
    (made,) = aws.api.ids

    second = aws.function()
    assert second.invoke(event).ended == "returned"
    assert succeeded(aws, event) == made
    assert aws.api.count("POST") == 1
    deleted(aws, second, event)
    assert not aws.api.ids


@pytest.mark.failure_mode(2)
def test_repeated_create_gets_the_same_response(
    aws: World, here: InProcess, tags_told: bool
) -> None:
    event = aws.event("Create")
    assert [here.invoke(event).ended for _ in range(3)] == ["returned"] * 3
    first, *others = answers_to(aws, event)
    assert others == [first, first]
    assert aws.api.ids == {first["PhysicalResourceId"]}
    assert aws.api.count("POST") == 1


@pytest.mark.failure_mode(3)
def test_concurrent_creates_return_existing_certificates(aws: World) -> None:
    event = aws.event("Create")
    one, other = aws.function(), aws.function()
    together = threading.Barrier(2, timeout=30)
    aws.api.script(Fault("GET", "/clientcertificates", _empty_list(), times=2, do=together.wait))
    one.start(event)
    other.start(event)
    assert [one.wait(), other.wait()] == ["returned", "returned"]

    answers = answers_to(aws, event)
    assert len(answers) == 2
    for answer in answers:
        assert answer["Status"] == "SUCCESS"
        assert answer["Data"] == attributes(aws, answer["PhysicalResourceId"])
    assert aws.api.count("DELETE") == 0
    assert len(aws.api.ids) == 2

    deleted(aws, one, event, answers[0]["PhysicalResourceId"])
    assert not aws.api.ids


@pytest.mark.failure_mode(3)
def test_delete_after_concurrent_creates_removes_both_certificates(
    aws: World, here: InProcess, tags_told: bool
) -> None:
    event = aws.event("Create")
    theirs = _fill(aws, 3)
    twins = [aws.api.api.generate("backend", tags_of(event)).id for _ in range(2)]
    here.invoke(event)
    assert succeeded(aws, event) in twins
    deleted(aws, here, event)
    assert aws.api.ids == theirs


@pytest.mark.failure_mode(4)
@pytest.mark.parametrize("commit", [True, False], ids=["committed", "not-committed"])
@pytest.mark.parametrize(
    "response",
    [
        fakes.SERVER_ERROR,
        fakes.UNAVAILABLE,
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
    aws: World, here: InProcess, response: Response | None, commit: bool
) -> None:
    event = aws.event("Create")
    aws.api.script(Fault("POST", "/clientcertificates", response, commit=commit))
    assert here.invoke(event).ended == "returned"
    assert aws.api.ids == {succeeded(aws, event)}
    again = [] if commit else [GENERATE]
    assert aws.api.calls == [LIST, GENERATE, LIST, *again]


@pytest.mark.failure_mode(4)
def test_lists_certificates_before_retrying_a_timed_out_generate(aws: World) -> None:
    event = aws.event("Create")
    aws.api.script(Fault("POST", "/clientcertificates", None, commit=True, hang=60))
    function = aws.function()
    assert function.invoke(event, seconds=10).ended == "returned"
    assert aws.api.ids == {succeeded(aws, event)}
    assert aws.api.calls == [LIST, GENERATE, LIST]


@pytest.mark.failure_mode(4)
@pytest.mark.parametrize("commit", [True, False], ids=["committed", "not-committed"])
def test_generate_that_keeps_failing_leaves_nothing_behind(
    aws: World, here: InProcess, tags_told: bool, commit: bool
) -> None:
    """Lists that show nothing yet: each further generate may have made one more."""
    event = aws.event("Create")
    aws.api.script(
        Fault("POST", "/clientcertificates", fakes.SERVER_ERROR, times=99, commit=commit),
        Fault("GET", "/clientcertificates", _empty_list(), times=6),
    )
    started = here.clock.monotonic()
    assert here.invoke(event).ended == "returned"
    assert 30 < here.clock.monotonic() - started < 120
    id, reason = failed(aws, event)
    assert id == placeholder(event)
    assert "InternalFailure" in reason
    assert "generate_client_certificate failed" in reason
    assert "after 6 attempts" in reason
    assert aws.api.calls == [LIST, GENERATE] * 6
    assert len(aws.api.ids) == (6 if commit else 0)
    deleted(aws, here, event)
    assert not aws.api.ids


@pytest.mark.failure_mode(4)
def test_create_succeeds_after_four_server_errors(aws: World, here: InProcess) -> None:
    """They take seconds, and an invocation has minutes."""
    aws.api.script(Fault("POST", "/clientcertificates", fakes.SERVER_ERROR, times=4))
    event, _ = created(aws, here)
    assert aws.api.calls == [LIST, GENERATE] * 5
    deleted(aws, here, event)
    assert not aws.api.ids


@pytest.mark.parametrize("kind", ["Create", "Update"])
@pytest.mark.parametrize(("age", "asked_for"), [(30, [2]), (60, [-2, 2])])
def test_gets_tags_only_of_certificates_created_near_the_request(
    aws: World, here: InProcess, kind: str, age: int, asked_for: list[int]
) -> None:
    """Each question is a call, and all calls of the account share 10 requests/s.

    A first delivery cannot have made what is newer than itself. A later one has to reckon with a
    clock of API Gateway that is ahead.
    """
    aws.api.api.tags_in_list = False
    minutes_old = {aws.api.api.generate("theirs", {}).id: age for age in (-2, 2, 7, 60)}
    for id, age in minutes_old.items():
        aws.api.api.certificates[id].created -= timedelta(minutes=age)
    event = aws.event(
        kind, PhysicalResourceId="gone42", ResponseURL=aws.cloudformation.url("answer-0", age=age)
    )
    here.invoke(event)
    succeeded(aws, event)
    asked = [call.rpartition("%2F")[2] for call in aws.api.calls if "/tags/" in call]
    assert [minutes_old[id] for id in asked] == asked_for


@pytest.mark.failure_mode(5)
def test_create_with_an_expired_response_url_fails_without_a_call(
    aws: World, here: InProcess
) -> None:
    event = aws.event("Create", ResponseURL=aws.cloudformation.url("answer-0", age=7300))
    here.invoke(event)
    id, reason = failed(aws, event)
    assert (id, aws.api.calls) == (placeholder(event), [])
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
    aws: World, here: InProcess, kind: str, service_timeout: str | None, age: int, refused: bool
) -> None:
    """CloudFormation has stopped listening, though the ResponseURL still accepts a response."""
    _, id = created(aws, here, ResourceProperties=properties(Description="old"))
    timeout = {} if service_timeout is None else {"ServiceTimeout": service_timeout}
    event = aws.event(
        kind,
        PhysicalResourceId=id,
        ResponseURL=aws.cloudformation.url("answer-0", age=age),
        ResourceProperties=properties(Description="new", **timeout),
    )
    del aws.api.calls[:]
    here.invoke(event)
    if refused:
        assert "CloudFormation had stopped listening" in failed(aws, event)[1]
        assert not aws.api.calls
    else:
        succeeded(aws, event)


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
    aws: World, here: InProcess, query: str, makes: bool
) -> None:
    now = int(datetime.now(UTC).timestamp())
    base = aws.cloudformation.url("answer-0").partition("?")[0]
    signed = query.format(past=now - 5, future=now + 3600)
    event = aws.event("Create", ResponseURL=f"{base}?{signed}")
    here.invoke(event)
    assert [answer["Status"] for answer in answers_to(aws, event)] == [
        "SUCCESS" if makes else "FAILED"
    ]
    assert len(aws.api.ids) == makes


@pytest.mark.failure_mode(29)
@pytest.mark.parametrize(
    ("region", "partition"),
    [("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")],
)
def test_arns_contain_the_partition(aws: World, region: str, partition: str) -> None:
    aws.api.api = ClientCertificates(region, partition, tags_in_list=False)
    aws.region = region
    function = aws.function()
    event, id = created(aws, function)
    (answer,) = answers_to(aws, event)
    arn = f"arn:{partition}:apigateway:{region}::/clientcertificates/{id}"
    assert answer["Data"]["ClientCertificateArn"] == arn

    update = aws.event(
        "Update", PhysicalResourceId=id, ResourceProperties=properties(Tags=tag_list(a="b"))
    )
    function.invoke(update)
    succeeded(aws, update)
    assert aws.api.api.certificates[id].tags["a"] == "b"
    deleted(aws, function, event)
    assert not aws.api.ids


@pytest.mark.failure_mode(31)
@pytest.mark.parametrize("page", [1, 7, 500])
def test_create_and_delete_read_every_page(
    aws: World, here: InProcess, tags_told: bool, page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = _fill(aws, 30)
    event = aws.event("Create")
    mine = {aws.api.api.generate("backend", tags_of(event)).id for _ in range(2)}
    monkeypatch.setattr(client_certificates, "_limit", lambda _: page)
    here.invoke(event)
    assert succeeded(aws, event) in mine
    assert aws.api.count("POST") == 0
    assert aws.api.count("GET", "/clientcertificates") == -(-32 // page)
    deleted(aws, here, event)
    assert aws.api.ids == theirs


@pytest.mark.failure_mode(31)
def test_create_and_delete_read_more_than_500_certificates(aws: World, here: InProcess) -> None:
    theirs = _fill(aws, 1100)
    event = aws.event("Create")
    mine = aws.api.api
    mine.quota = 5000
    id = mine.generate("backend", tags_of(event)).id
    here.invoke(event)
    assert succeeded(aws, event) == id
    assert aws.api.calls == [LIST] * 3
    deleted(aws, here, event)
    assert aws.api.ids == theirs


@pytest.mark.failure_mode(31)
def test_retries_a_failed_page_without_skipping_any(
    aws: World, here: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lost page would hide the certificate: Create would make a second one."""
    _fill(aws, 5)
    event = aws.event("Create")
    id = aws.api.api.generate("backend", tags_of(event)).id
    monkeypatch.setattr(client_certificates, "_limit", lambda _: 2)
    one_bad_page = [fakes.SERVER_ERROR, fakes.THROTTLED, None]
    pass_one = iter(range(9))

    def handle(*request: Any) -> Response | None:
        turn = next(pass_one)
        if turn % 2 and one_bad_page:
            return one_bad_page.pop()
        return original(*request)

    original = aws.api._handle
    monkeypatch.setattr(aws.api, "_handle", handle)
    here.invoke(event)
    assert succeeded(aws, event) == id
    assert aws.api.count("POST") == 0


def test_stops_reading_an_endless_list_before_the_deadline(aws: World, here: InProcess) -> None:
    endless = Response(200, {}, b'{"item": [], "position": "x"}')
    aws.api.script(
        Fault("GET", "/clientcertificates", endless, times=10**6, do=lambda: here.clock.sleep(30))
    )
    event = aws.event("Create")
    assert here.invoke(event).ended == "returned"
    assert failed(aws, event)[0] == placeholder(event)
    assert not aws.api.writes


@pytest.mark.parametrize(
    "fault",
    [
        Fault("GET", "/clientcertificates", fakes.SERVER_ERROR, times=999),
        Fault("GET", "/clientcertificates", fakes.error(400, "BadRequestException"), times=999),
        Fault("GET", "/clientcertificates", None, times=999),
    ],
    ids=["500", "400", "reset"],
)
def test_generates_nothing_when_certificates_cannot_be_listed(
    aws: World, here: InProcess, fault: Fault
) -> None:
    aws.api.script(dataclasses.replace(fault))
    event = aws.event("Create")
    assert here.invoke(event).ended == "returned"
    id, reason = failed(aws, event)
    assert id == placeholder(event)
    assert "get_client_certificates" in reason
    assert not aws.api.writes


@pytest.mark.failure_mode(24)
def test_response_that_is_too_long_fails_with_the_certificate_id(
    aws: World, here: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        client_certificates, "_issue", lambda: ("P" * 4000, "key", datetime.now(UTC))
    )
    event = aws.event("Create")
    assert here.invoke(event).ended == "returned"
    id, reason = failed(aws, event)
    assert aws.api.ids == {id}
    assert "4096" in reason
    deleted(aws, here, event)
    assert not aws.api.ids


@pytest.mark.failure_mode(13)
def test_create_that_fails_before_generate_is_rolled_back(aws: World, here: InProcess) -> None:
    theirs = _fill(aws, 2)
    aws.api.script(Fault("POST", "/clientcertificates", fakes.error(400, "BadRequestException")))
    event = aws.event("Create")
    here.invoke(event)
    assert failed(aws, event)[0] == placeholder(event)
    deleted(aws, here, event)
    assert aws.api.ids == theirs


@pytest.mark.failure_mode(13)
def test_create_that_fails_after_generate_is_rolled_back(
    aws: World, here: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_certificates, "_issue", lambda: ("", "key", datetime.now(UTC)))
    event = aws.event("Create")
    here.invoke(event)
    id, reason = failed(aws, event)
    assert aws.api.ids == {id}
    assert id in reason
    deleted(aws, here, event)
    assert not aws.api.ids


def test_two_resources_of_a_stack_have_separate_certificates(
    aws: World, here: InProcess, tags_told: bool
) -> None:
    one, first = created(aws, here, LogicalResourceId="One")
    other, second = created(aws, here, LogicalResourceId="Other")
    assert first != second
    deleted(aws, here, one)
    assert aws.api.ids == {second}
    deleted(aws, here, other)
    assert not aws.api.ids


def test_same_request_id_in_another_stack_is_another_request(
    aws: World, here: InProcess, tags_told: bool
) -> None:
    event, mine = created(aws, here)
    aws.stack_id += "-other"
    _, theirs = created(aws, here, RequestId=event["RequestId"] + "x")
    same = aws.event("Create", RequestId=event["RequestId"])
    here.invoke(same)
    (_, answer) = (
        answer for answer in aws.cloudformation.answers if answer["RequestId"] == event["RequestId"]
    )
    assert answer["PhysicalResourceId"] not in (mine, theirs)
    assert len(aws.api.ids) == 3


@pytest.mark.failure_mode(3)
def test_redeliveries_return_the_oldest_certificate(
    aws: World, here: InProcess, tags_told: bool
) -> None:
    event = aws.event("Create")
    ids = [aws.api.api.generate(None, tags_of(event)).id for _ in range(3)]
    for age, id in enumerate(ids):
        aws.api.api.certificates[id].created -= timedelta(minutes=age)
    here.invoke(event)
    here.invoke(event)
    assert [answer["PhysicalResourceId"] for answer in answers_to(aws, event)] == [ids[2]] * 2


def test_finds_a_certificate_in_a_list_without_pems(aws: World, here: InProcess) -> None:
    event = aws.event("Create")
    here.invoke(event)
    id = succeeded(aws, event)
    bare = {"item": [{"clientCertificateId": id, "tags": tags_of(event)}]}
    aws.api.script(
        Fault("GET", "/clientcertificates", Response(200, {}, json.dumps(bare).encode()), times=9)
    )
    here.invoke(event)
    first, second = answers_to(aws, event)
    assert second == first
    assert aws.api.count("POST") == 1


def test_get_tags_response_without_tags_means_no_tags(aws: World, here: InProcess) -> None:
    """For a certificate without tags the real answer may well lack the member."""
    aws.api.api.tags_in_list = False
    _fill(aws, 2)
    aws.api.script(Fault("GET", "/tags/.*", Response(200, {}, b"{}"), times=99))
    created(aws, here)


def test_rereads_a_certificate_whose_generate_response_has_only_an_id(
    aws: World, here: InProcess
) -> None:
    """An answer with an ID and nothing else: read again, and not made again."""
    event = aws.event("Create")
    made: list[str] = []

    def strip(*request: Any) -> Response:
        response = original(*request)
        if request[0] == "POST":
            made.append(json.loads(response.body)["clientCertificateId"])
            body = json.dumps({"clientCertificateId": made[0]}).encode()
            return Response(201, response.headers, body)
        return response

    original = aws.api._handle
    aws.api._handle = strip  # type: ignore[method-assign]
    here.invoke(event)
    assert [succeeded(aws, event)] == made
    assert aws.api.count("POST") == 1
    assert re.fullmatch(r"\w+", made[0])


def _empty_list() -> Response:
    return Response(200, {}, b'{"item": []}')
