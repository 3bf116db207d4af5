"""Delete: what the request made goes, all of it, and nothing else ever."""

import threading
from datetime import timedelta
from typing import Any

import pytest

from tests.fault import fakes
from tests.fault.expect import (
    answers_to,
    created,
    delete_of,
    deleted,
    failed,
    placeholder,
    succeeded,
    tags_of,
)
from tests.fault.fakes import Fault, World
from tests.fault.quick_handler import InProcess

LIST = "GET /clientcertificates"


def test_the_happy_path_is_one_list_and_one_delete(aws: World, here: InProcess) -> None:
    event, id = created(aws, here)
    del aws.api.calls[:]
    deleted(aws, here, event)
    assert aws.api.calls == [LIST, f"DELETE /clientcertificates/{id}"]
    assert not aws.api.ids


def test_row_06_a_delete_while_the_create_still_runs_leaves_nothing(aws: World) -> None:
    """The Create has generated and hangs in its answer; CloudFormation cancels and deletes."""
    event = aws.event("Create")
    answering, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        answering.set()
        go_on.wait(30)

    aws.cloudformation.script = [hold]
    slow, fast = aws.function(), aws.function()
    slow.start(event)
    assert answering.wait(30)
    (id,) = aws.api.ids
    deleted(aws, fast, event, id)
    assert not aws.api.ids
    go_on.set()
    assert slow.wait() == "returned"
    assert not aws.api.ids, "the answer that was late made nothing anew"


@pytest.mark.parametrize(
    "invented", ["Stack-Certificate4E7ABB08-1PQ2XYZ", "Stack_Certificate4E7ABB08_AB12CD34"]
)
def test_row_06_a_delete_with_an_invented_id_rather_leaves_a_tagged_certificate(
    aws: World, here: InProcess, tags_told: bool, invented: str
) -> None:
    """It may be the Delete of a replaced resource: by stack and logical ID it would hit the new."""
    event = aws.event("Create")
    id = aws.api.api.generate("backend", tags_of(event)).id
    deleted(aws, here, event, invented)
    assert aws.api.ids == {id}
    assert not aws.api.writes
    assert tags_of(event).items() <= aws.api.api.certificates[id].tags.items()


def test_row_06_a_delete_with_the_requests_own_placeholder_sweeps_it(
    aws: World, here: InProcess, tags_told: bool
) -> None:
    event, other = aws.event("Create"), aws.event("Create")
    for _ in range(2):
        aws.api.api.generate("backend", tags_of(event))
    keep = {
        aws.api.api.generate("backend", tags_of(other)).id,
        aws.api.api.generate("theirs", {}).id,
    }
    old = aws.api.api.generate("backend", tags_of(event))
    old.created -= timedelta(days=30)  # a Delete may come long after
    deleted(aws, here, event, placeholder(event))
    assert aws.api.ids == keep


def _waits(here: InProcess, at_least: float) -> bool:
    return sum(here.clock.slept) >= at_least


def test_row_10_a_delete_waits_for_the_stage_to_let_go(aws: World, here: InProcess) -> None:
    event, id = created(aws, here)
    aws.api.stages = {"api1": {"prod": id}}
    aws.api.script(
        Fault("DELETE", f"/clientcertificates/{id}", fakes.error(400, "BadRequestException"), 9),
        Fault(
            "DELETE",
            f"/clientcertificates/{id}",
            fakes.CONFLICT,
            do=lambda: aws.api.stages.clear(),
        ),
    )
    deleted(aws, here, event)
    assert not aws.api.ids
    assert aws.api.count("DELETE") == 11
    assert not aws.api.count("GET", "/restapis.*"), "who uses it is asked when it is told"
    assert _waits(here, 5)


def test_row_10_a_stage_that_keeps_the_certificate_is_named_before_the_deadline(
    aws: World, here: InProcess
) -> None:
    event, id = created(aws, here)
    aws.api.stages = {"api1": {"prod": id, "test": "other1"}, "api2": {"v1": id}, "api3": {}}
    delete = delete_of(aws, event)
    started = here.clock.monotonic()
    assert here.invoke(delete).ended == "returned"
    assert 120 < here.clock.monotonic() - started < 290
    answered, reason = failed(aws, delete)
    assert answered == id
    assert aws.api.ids == {id}
    for stage in ("api1/prod", "api2/v1"):
        assert stage in reason
    assert "test" not in reason
    assert "api3" not in reason

    aws.api.stages.clear()
    deleted(aws, here, event)
    assert not aws.api.ids


@pytest.mark.parametrize("path", ["/restapis", "/restapis/\\w+/stages"])
def test_row_10_without_the_permission_to_read_stages_the_reason_says_so(
    aws: World, here: InProcess, path: str
) -> None:
    event, id = created(aws, here)
    aws.api.stages = {"api1": {"prod": id}}
    aws.api.script(Fault("GET", path, fakes.DENIED, times=999))
    delete = delete_of(aws, event)
    here.invoke(delete)
    _, reason = failed(aws, delete)
    assert id in reason
    assert "apigateway:GET on arn:aws:apigateway:us-east-1::/restapis" in reason
    assert aws.api.count("GET", path) == 1


def test_row_10_the_stages_are_read_in_a_bounded_number_of_calls(
    aws: World, here: InProcess
) -> None:
    event, id = created(aws, here)
    aws.api.stages = {f"api{number:03d}": {"prod": "none"} for number in range(150)}
    aws.api.stages["api000"] = {"prod": id}
    delete = delete_of(aws, event)
    here.invoke(delete)
    _, reason = failed(aws, delete)
    assert "api000/prod" in reason
    assert "110 further APIs" in reason
    assert aws.api.count("GET", "/restapis.*") <= 50


def test_row_10_a_refusal_for_another_reason_is_told_as_such(aws: World, here: InProcess) -> None:
    event, id = created(aws, here)
    refusal = fakes.error(400, "BadRequestException", "the moon is full")
    aws.api.script(Fault("DELETE", ".*", refusal, times=999))
    delete = delete_of(aws, event)
    here.invoke(delete)
    answered, reason = failed(aws, delete)
    assert answered == id
    assert "the moon is full" in reason


@pytest.mark.parametrize("page_size", [500, 60])
def test_apis_on_all_pages_are_counted(aws: World, here: InProcess, page_size: int) -> None:
    """The certificate is used by none that was read, so the Reason does not say "in use by"."""
    event, id = created(aws, here)
    aws.api.page_size = page_size
    aws.api.stages = {f"api{number:03d}": {"prod": "none"} for number in range(150)}
    aws.api.stages["api149"] = {"prod": id}
    delete = delete_of(aws, event)
    here.invoke(delete)
    _, reason = failed(aws, delete)
    assert "in use by" not in reason
    assert f"{id} could not be deleted: the stages of 110 further APIs were not read" in reason
    assert aws.api.count("GET", "/restapis.*") <= 50


def test_stage_of_a_websocket_api_is_named(aws: World, here: InProcess) -> None:
    event, id = created(aws, here)
    aws.api.websocket_stages = {"socket1": {"live": id, "idle": "none"}}
    delete = delete_of(aws, event)
    here.invoke(delete)
    _, reason = failed(aws, delete)
    assert f"client certificate {id} is in use by socket1/live: " in reason
    assert not aws.api.count("GET", "/v2/apis/http1/stages"), "HTTP APIs cannot present one"
    aws.api.websocket_stages.clear()
    deleted(aws, here, event)


@pytest.mark.parametrize("path", ["/v2/apis", "/v2/apis/\\w+/stages"])
def test_stages_that_were_read_are_named_without_those_that_could_not_be(
    aws: World, here: InProcess, path: str
) -> None:
    event, id = created(aws, here)
    aws.api.stages = {"api1": {"prod": id}}
    aws.api.websocket_stages = {"socket1": {"live": id}}
    aws.api.script(Fault("GET", path, fakes.DENIED, times=999))
    delete = delete_of(aws, event)
    here.invoke(delete)
    _, reason = failed(aws, delete)
    assert "is in use by api1/prod: " in reason
    assert "apigateway:GET on arn:aws:apigateway:us-east-1::/apis" in reason
    assert aws.api.count("GET", path) == 1


def test_delete_gets_a_certificate_that_the_list_does_not_show_yet(
    aws: World, here: InProcess, tags_told: bool
) -> None:
    event, _ = created(aws, here)
    lagging = fakes.Response(200, {}, b'{"item": []}')
    aws.api.script(Fault("GET", "/clientcertificates", lagging))
    deleted(aws, here, event)
    assert not aws.api.ids


def test_row_11_a_certificate_that_is_gone_is_deleted(
    aws: World, here: InProcess, tags_told: bool
) -> None:
    event, id = created(aws, here)
    del aws.api.api.certificates[id]
    deleted(aws, here, event)
    deleted(aws, here, event)
    assert aws.api.count("DELETE") == 0


def test_row_11_a_certificate_that_goes_between_look_and_delete_is_deleted(
    aws: World, here: InProcess
) -> None:
    event, _ = created(aws, here)
    aws.api.script(Fault("DELETE", ".*", fakes.error(404, "NotFoundException"), commit=True))
    deleted(aws, here, event)
    assert not aws.api.ids


@pytest.mark.parametrize("response", [fakes.SERVER_ERROR, None], ids=["500", "reset"])
@pytest.mark.parametrize("commit", [True, False], ids=["committed", "not-committed"])
def test_an_ambiguous_delete_is_sent_again(
    aws: World, here: InProcess, response: fakes.Response | None, commit: bool
) -> None:
    event, id = created(aws, here)
    aws.api.script(Fault("DELETE", ".*", response, commit=commit))
    deleted(aws, here, event)
    assert aws.api.writes[1:] == [f"DELETE /clientcertificates/{id}"] * 2
    assert not aws.api.ids


@pytest.mark.parametrize(
    "physical_id",
    [
        "",
        " ",
        ".",
        "..",
        "../restapis",
        "%2e%2e",
        "/",
        "*",
        "abc123/../def456",
        "abc123?x=y",
        "abc123#",
        "abc123\n",
        " abc123",
        "é",
        "\ud800",
        "２",  # noqa: RUF001 - a digit, but none of ASCII's
        "-",
        "2026/11/23/[$LATEST]0123456789abcdef0123456789abcdef",
        "Stack_Certificate4E7ABB08_AB12CD34",
        "arn:aws:apigateway:us-east-1::/clientcertificates/abc123",
        "x" * 900,
        None,
        17,
        ["abc123"],
        {"a": 1},
    ],
)
def test_row_12_a_physical_id_that_is_none_hits_no_certificate(
    aws: World, here: InProcess, physical_id: Any
) -> None:
    theirs = aws.api.api.generate("theirs", {})
    aws.api.api.certificates["abc123"] = theirs
    before = aws.api.ids
    event = aws.event("Delete", PhysicalResourceId=physical_id)
    assert here.invoke(event).ended == "returned"
    succeeded(aws, event)
    assert set(aws.api.calls) <= {LIST}
    assert aws.api.ids == before


def test_row_12_a_delete_without_a_physical_id_is_answered(aws: World, here: InProcess) -> None:
    event = aws.event("Delete")
    here.invoke(event)
    assert succeeded(aws, event) == placeholder(event)
    assert set(aws.api.calls) <= {LIST}


@pytest.mark.parametrize("request_id", ["", "*", "x' OR 1", "7d3e9c1a-unheard-of"])
def test_row_12_a_placeholder_of_an_unknown_request_sweeps_nothing(
    aws: World, here: InProcess, tags_told: bool, request_id: str
) -> None:
    created(aws, here)
    aws.api.api.generate("theirs", {})
    aws.api.api.generate("odd", {"client-certificate:request-id": ""})
    before = aws.api.ids
    event = aws.event("Delete", PhysicalResourceId=f"request:{request_id}")
    here.invoke(event)
    succeeded(aws, event)
    assert aws.api.ids == before


def test_a_delete_never_touches_another_stacks_certificate(
    aws: World, here: InProcess, tags_told: bool
) -> None:
    event, id = created(aws, here)
    aws.stack_id += "-other"
    delete = delete_of(aws, event, id)
    here.invoke(delete)
    succeeded(aws, delete)
    placeholder_of_theirs = delete_of(aws, event, placeholder(event))
    here.invoke(placeholder_of_theirs)
    succeeded(aws, placeholder_of_theirs)
    assert aws.api.ids == {id}
    assert aws.api.count("DELETE") == 0


def test_row_13_a_create_that_knows_nothing_is_swept_by_its_rollback(
    aws: World, here: InProcess, tags_told: bool
) -> None:
    """Generated, yet every answer lost: the Delete finds by tag what the Create never saw."""
    event = aws.event("Create")
    blind = Fault("GET", ".*", fakes.SERVER_ERROR, times=999)
    lost = Fault("POST", ".*", None, commit=True, do=lambda: aws.api.script(blind))
    aws.api.script(lost)
    here.invoke(event)
    assert failed(aws, event)[0] == placeholder(event)
    assert len(aws.api.ids) == 1
    aws.api.faults.clear()
    deleted(aws, here, event)
    assert not aws.api.ids


def test_row_32_after_a_replacement_the_delete_of_the_old_leaves_the_new(
    aws: World, here: InProcess, tags_told: bool
) -> None:
    event, old = created(aws, here)
    del aws.api.api.certificates[old]
    update = aws.event(
        "Update", PhysicalResourceId=old, ResourceProperties=event["ResourceProperties"]
    )
    here.invoke(update)
    new = succeeded(aws, update)
    assert new != old
    deleted(aws, here, event, old)
    assert aws.api.ids == {new}


def test_row_32_a_create_that_replaces_another_of_the_same_logical_id_survives_its_delete(
    aws: World, here: InProcess, tags_told: bool
) -> None:
    first, old = created(aws, here)
    _, new = created(aws, here)
    deleted(aws, here, first, old)
    assert aws.api.ids == {new}
    deleted(aws, here, first, placeholder(first))
    assert aws.api.ids == {new}


def test_a_delete_works_after_the_response_url_of_the_create_has_expired(
    aws: World, here: InProcess
) -> None:
    event, _ = created(aws, here)
    deleted(aws, here, event)
    late = aws.event(
        "Delete",
        PhysicalResourceId=answers_to(aws, event)[0]["PhysicalResourceId"],
        ResponseURL=aws.cloudformation.url("answer-0", age=9000),
    )
    here.invoke(late)
    succeeded(aws, late)


def test_the_same_delete_twice_gets_the_same_answer(aws: World, here: InProcess) -> None:
    event, _ = created(aws, here)
    delete = delete_of(aws, event)
    here.invoke(delete)
    here.invoke(delete)
    first, second = answers_to(aws, delete)
    assert first == second
    assert first["Status"] == "SUCCESS"
    assert aws.api.count("DELETE") == 1
