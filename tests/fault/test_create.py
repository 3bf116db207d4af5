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


def test_the_happy_path_is_one_list_and_one_generate(aws: World, here: InProcess) -> None:
    event, id = created(aws, here)
    assert aws.api.calls == [LIST, GENERATE]
    made = aws.api.api.certificates[id]
    assert (made.description, made.tags) == ("backend", tags_of(event))


@pytest.mark.parametrize("told", [True, False], ids=["tags-in-list", "no-tags-in-list"])
def test_row_01_a_crash_after_generate_is_adopted_by_the_retry(aws: World, told: bool) -> None:
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


def test_row_02_the_same_create_twice_gets_the_same_answer(
    aws: World, here: InProcess, tags_told: bool
) -> None:
    event = aws.event("Create")
    assert [here.invoke(event).ended for _ in range(3)] == ["returned"] * 3
    first, *others = answers_to(aws, event)
    assert others == [first, first]
    assert aws.api.ids == {first["PhysicalResourceId"]}
    assert aws.api.count("POST") == 1


def test_row_03_two_deliveries_at_once_name_certificates_that_exist(aws: World) -> None:
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


def test_row_03_the_delete_after_a_race_sweeps_where_lists_tell_no_tags(
    aws: World, here: InProcess, tags_told: bool
) -> None:
    event = aws.event("Create")
    theirs = _fill(aws, 3)
    twins = [aws.api.api.generate("backend", tags_of(event)).id for _ in range(2)]
    here.invoke(event)
    assert succeeded(aws, event) in twins
    deleted(aws, here, event)
    assert aws.api.ids == theirs


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
def test_row_04_an_ambiguous_generate_is_looked_up_before_it_is_sent_again(
    aws: World, here: InProcess, response: Response | None, commit: bool
) -> None:
    event = aws.event("Create")
    aws.api.script(Fault("POST", "/clientcertificates", response, commit=commit))
    assert here.invoke(event).ended == "returned"
    assert aws.api.ids == {succeeded(aws, event)}
    again = [] if commit else [GENERATE]
    assert aws.api.calls == [LIST, GENERATE, LIST, *again]


def test_row_04_a_generate_that_times_out_is_looked_up_before_it_is_sent_again(aws: World) -> None:
    event = aws.event("Create")
    aws.api.script(Fault("POST", "/clientcertificates", None, commit=True, hang=60))
    function = aws.function()
    assert function.invoke(event, seconds=10).ended == "returned"
    assert aws.api.ids == {succeeded(aws, event)}
    assert aws.api.calls == [LIST, GENERATE, LIST]


@pytest.mark.parametrize("commit", [True, False], ids=["committed", "not-committed"])
def test_row_04_a_generate_that_keeps_failing_leaves_nothing_behind(
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


def test_create_outlasts_four_server_errors(aws: World, here: InProcess) -> None:
    """They take seconds, and an invocation has minutes."""
    aws.api.script(Fault("POST", "/clientcertificates", fakes.SERVER_ERROR, times=4))
    event, _ = created(aws, here)
    assert aws.api.calls == [LIST, GENERATE] * 5
    deleted(aws, here, event)
    assert not aws.api.ids


@pytest.mark.parametrize("kind", ["Create", "Update"])
@pytest.mark.parametrize(("age", "asked_for"), [(30, [2]), (60, [-2, 2])])
def test_only_certificates_that_the_request_can_have_made_are_asked_for_tags(
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


def test_row_05_a_create_whose_response_url_has_expired_makes_nothing(
    aws: World, here: InProcess
) -> None:
    event = aws.event("Create", ResponseURL=aws.cloudformation.url("answer-0", age=7300))
    here.invoke(event)
    id, reason = failed(aws, event)
    assert (id, aws.api.calls) == (placeholder(event), [])
    assert "expired" in reason


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
def test_row_05_both_forms_of_signed_urls_are_understood(
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


@pytest.mark.parametrize(
    ("region", "partition"),
    [("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")],
)
def test_row_29_arns_name_the_partition(aws: World, region: str, partition: str) -> None:
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


@pytest.mark.parametrize("page", [1, 7, 500])
def test_row_31_adoption_and_sweeping_page_through_all(
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


def test_row_31_more_than_one_full_page_of_500(aws: World, here: InProcess) -> None:
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


def test_a_page_that_fails_is_read_again_and_none_is_skipped(
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


def test_a_list_that_never_ends_is_left_before_the_deadline(aws: World, here: InProcess) -> None:
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
def test_without_a_look_at_what_exists_nothing_is_made(
    aws: World, here: InProcess, fault: Fault
) -> None:
    aws.api.script(dataclasses.replace(fault))
    event = aws.event("Create")
    assert here.invoke(event).ended == "returned"
    id, reason = failed(aws, event)
    assert id == placeholder(event)
    assert "get_client_certificates" in reason
    assert not aws.api.writes


def test_row_24_an_answer_too_long_fails_with_the_real_id(
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


def test_row_13_a_create_that_fails_before_generate_is_rolled_back(
    aws: World, here: InProcess
) -> None:
    theirs = _fill(aws, 2)
    aws.api.script(Fault("POST", "/clientcertificates", fakes.error(400, "BadRequestException")))
    event = aws.event("Create")
    here.invoke(event)
    assert failed(aws, event)[0] == placeholder(event)
    deleted(aws, here, event)
    assert aws.api.ids == theirs


def test_row_13_a_create_that_fails_after_generate_is_rolled_back(
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


def test_a_stack_with_two_certificates_keeps_them_apart(
    aws: World, here: InProcess, tags_told: bool
) -> None:
    one, first = created(aws, here, LogicalResourceId="One")
    other, second = created(aws, here, LogicalResourceId="Other")
    assert first != second
    deleted(aws, here, one)
    assert aws.api.ids == {second}
    deleted(aws, here, other)
    assert not aws.api.ids


def test_the_same_request_id_in_another_stack_is_another_request(
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


def test_the_oldest_twin_is_adopted_so_that_redeliveries_agree(
    aws: World, here: InProcess, tags_told: bool
) -> None:
    event = aws.event("Create")
    ids = [aws.api.api.generate(None, tags_of(event)).id for _ in range(3)]
    for age, id in enumerate(ids):
        aws.api.api.certificates[id].created -= timedelta(minutes=age)
    here.invoke(event)
    here.invoke(event)
    assert [answer["PhysicalResourceId"] for answer in answers_to(aws, event)] == [ids[2]] * 2


def test_a_list_that_tells_no_pem_is_no_hindrance_to_adoption(aws: World, here: InProcess) -> None:
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


def test_get_tags_that_names_none_means_none(aws: World, here: InProcess) -> None:
    """For a certificate without tags the real answer may well lack the member."""
    aws.api.api.tags_in_list = False
    _fill(aws, 2)
    aws.api.script(Fault("GET", "/tags/.*", Response(200, {}, b"{}"), times=99))
    created(aws, here)


def test_ids_from_the_wire_are_never_trusted_as_attributes_without_dates(
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
