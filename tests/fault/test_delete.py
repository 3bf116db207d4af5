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


def test_delete_in_process_makes_one_list_and_one_delete_call(aws: World, here: InProcess) -> None:
    event, id = created(aws, here)
    del aws.api.calls[:]
    deleted(aws, here, event)
    assert aws.api.calls == [LIST, f"DELETE /clientcertificates/{id}"]
    assert not aws.api.ids


@pytest.mark.failure_mode(6)
def test_delete_during_the_create_leaves_nothing(aws: World) -> None:
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


@pytest.mark.failure_mode(6)
@pytest.mark.parametrize(
    "invented", ["Stack-Certificate4E7ABB08-1PQ2XYZ", "Stack_Certificate4E7ABB08_AB12CD34"]
)
def test_delete_with_a_generated_physical_id_keeps_the_tagged_certificate(
    aws: World, here: InProcess, tags_told: bool, invented: str
) -> None:
    """It may be the Delete of a replaced resource: by stack and logical ID it would hit the new."""
    event = aws.event("Create")
    id = aws.api.api.generate("backend", tags_of(event)).id
    deleted(aws, here, event, invented)
    assert aws.api.ids == {id}
    assert not aws.api.writes
    assert tags_of(event).items() <= aws.api.api.certificates[id].tags.items()


@pytest.mark.failure_mode(6)
def test_delete_by_request_id_removes_what_the_request_created(
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


@pytest.mark.failure_mode(10)
def test_delete_waits_until_no_stage_uses_the_certificate(aws: World, here: InProcess) -> None:
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


@pytest.mark.failure_mode(10)
def test_delete_names_the_stages_that_use_the_certificate(aws: World, here: InProcess) -> None:
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


@pytest.mark.failure_mode(10)
@pytest.mark.parametrize("path", ["/restapis", "/restapis/\\w+/stages"])
def test_reason_names_the_missing_permission_to_read_stages(
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


@pytest.mark.failure_mode(10)
def test_reads_stages_in_a_bounded_number_of_calls(aws: World, here: InProcess) -> None:
    event, id = created(aws, here)
    aws.api.stages = {f"api{number:03d}": {"prod": "none"} for number in range(150)}
    aws.api.stages["api000"] = {"prod": id}
    delete = delete_of(aws, event)
    here.invoke(delete)
    _, reason = failed(aws, delete)
    assert "api000/prod" in reason
    assert "110 further APIs" in reason
    assert aws.api.count("GET", "/restapis.*") <= 50


@pytest.mark.failure_mode(10)
def test_reason_quotes_another_cause_of_a_rejected_delete(aws: World, here: InProcess) -> None:
    event, id = created(aws, here)
    refusal = fakes.error(400, "BadRequestException", "the moon is full")
    aws.api.script(Fault("DELETE", ".*", refusal, times=999))
    delete = delete_of(aws, event)
    here.invoke(delete)
    answered, reason = failed(aws, delete)
    assert answered == id
    assert "the moon is full" in reason


@pytest.mark.failure_mode(10)
@pytest.mark.parametrize("page_size", [500, 60])
def test_reason_counts_the_apis_on_all_pages(aws: World, here: InProcess, page_size: int) -> None:
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


@pytest.mark.failure_mode(10)
def test_delete_names_the_stage_of_a_websocket_api(aws: World, here: InProcess) -> None:
    event, id = created(aws, here)
    aws.api.websocket_stages = {"socket1": {"live": id, "idle": "none"}}
    delete = delete_of(aws, event)
    here.invoke(delete)
    _, reason = failed(aws, delete)
    assert f"client certificate {id} is in use by socket1/live: " in reason
    assert not aws.api.count("GET", "/v2/apis/http1/stages"), "HTTP APIs cannot present one"
    aws.api.websocket_stages.clear()
    deleted(aws, here, event)


@pytest.mark.failure_mode(10)
@pytest.mark.parametrize("path", ["/v2/apis", "/v2/apis/\\w+/stages"])
def test_reason_names_stages_that_could_be_read(aws: World, here: InProcess, path: str) -> None:
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


@pytest.mark.failure_mode(11)
def test_delete_gets_a_certificate_missing_from_the_list(
    aws: World, here: InProcess, tags_told: bool
) -> None:
    event, _ = created(aws, here)
    lagging = fakes.Response(200, {}, b'{"item": []}')
    aws.api.script(Fault("GET", "/clientcertificates", lagging))
    deleted(aws, here, event)
    assert not aws.api.ids


@pytest.mark.failure_mode(11)
def test_delete_of_a_missing_certificate_succeeds(
    aws: World, here: InProcess, tags_told: bool
) -> None:
    event, id = created(aws, here)
    del aws.api.api.certificates[id]
    deleted(aws, here, event)
    deleted(aws, here, event)
    assert aws.api.count("DELETE") == 0


@pytest.mark.failure_mode(11)
def test_delete_succeeds_when_the_certificate_disappears_meanwhile(
    aws: World, here: InProcess
) -> None:
    event, _ = created(aws, here)
    aws.api.script(Fault("DELETE", ".*", fakes.error(404, "NotFoundException"), commit=True))
    deleted(aws, here, event)
    assert not aws.api.ids


@pytest.mark.parametrize("response", [fakes.SERVER_ERROR, None], ids=["500", "reset"])
@pytest.mark.parametrize("commit", [True, False], ids=["committed", "not-committed"])
def test_retries_an_ambiguous_delete(
    aws: World, here: InProcess, response: fakes.Response | None, commit: bool
) -> None:
    event, id = created(aws, here)
    aws.api.script(Fault("DELETE", ".*", response, commit=commit))
    deleted(aws, here, event)
    assert aws.api.writes[1:] == [f"DELETE /clientcertificates/{id}"] * 2
    assert not aws.api.ids


@pytest.mark.failure_mode(12)
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
def test_delete_ignores_invalid_physical_ids(aws: World, here: InProcess, physical_id: Any) -> None:
    theirs = aws.api.api.generate("theirs", {})
    aws.api.api.certificates["abc123"] = theirs
    before = aws.api.ids
    event = aws.event("Delete", PhysicalResourceId=physical_id)
    assert here.invoke(event).ended == "returned"
    succeeded(aws, event)
    assert set(aws.api.calls) <= {LIST}
    assert aws.api.ids == before


@pytest.mark.failure_mode(12)
def test_delete_without_a_physical_id_succeeds(aws: World, here: InProcess) -> None:
    event = aws.event("Delete")
    here.invoke(event)
    assert succeeded(aws, event) == placeholder(event)
    assert set(aws.api.calls) <= {LIST}


@pytest.mark.failure_mode(12)
@pytest.mark.parametrize("request_id", ["", "*", "x' OR 1", "7d3e9c1a-unheard-of"])
def test_delete_by_an_unknown_request_id_deletes_nothing(
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


def test_delete_keeps_the_certificate_of_another_stack(
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


@pytest.mark.failure_mode(13)
def test_rollback_deletes_a_certificate_that_the_create_never_saw(
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


@pytest.mark.failure_mode(32)
def test_delete_after_a_replacement_keeps_the_new_certificate(
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


@pytest.mark.failure_mode(32)
def test_delete_keeps_a_newer_certificate_of_the_same_logical_id(
    aws: World, here: InProcess, tags_told: bool
) -> None:
    first, old = created(aws, here)
    _, new = created(aws, here)
    deleted(aws, here, first, old)
    assert aws.api.ids == {new}
    deleted(aws, here, first, placeholder(first))
    assert aws.api.ids == {new}


def test_delete_works_with_an_expired_response_url(aws: World, here: InProcess) -> None:
    event, _ = created(aws, here)
    deleted(aws, here, event)
    late = aws.event(
        "Delete",
        PhysicalResourceId=answers_to(aws, event)[0]["PhysicalResourceId"],
        ResponseURL=aws.cloudformation.url("answer-0", age=9000),
    )
    here.invoke(late)
    succeeded(aws, late)


def test_repeated_delete_gets_the_same_response(aws: World, here: InProcess) -> None:
    event, _ = created(aws, here)
    delete = delete_of(aws, event)
    here.invoke(delete)
    here.invoke(delete)
    first, second = answers_to(aws, delete)
    assert first == second
    assert first["Status"] == "SUCCESS"
    assert aws.api.count("DELETE") == 1
