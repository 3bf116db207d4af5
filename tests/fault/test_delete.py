"""Delete: removes every certificate that the request created, and nothing else."""

import threading
from datetime import timedelta
from typing import Any

import pytest

from handler_testing import api_errors
from handler_testing.environment import Environment
from handler_testing.fake_api_gateway import InjectedFault
from handler_testing.in_process_function import InProcessFunction
from local_aws.responses import Response
from tests.fault.expect import (
    create_certificate,
    delete_certificate,
    delete_event,
    expect_failure,
    expect_success,
    expected_tags,
    placeholder_id,
    responses_to,
)

LIST = "GET /clientcertificates"


def test_delete_in_process_makes_one_list_and_one_delete_call(
    environment: Environment, in_process: InProcessFunction
) -> None:
    event, id = create_certificate(environment, in_process)
    del environment.api_gateway.calls[:]
    delete_certificate(environment, in_process, event)
    assert environment.api_gateway.calls == [LIST, f"DELETE /clientcertificates/{id}"]
    assert not environment.api_gateway.ids


@pytest.mark.failure_mode(6)
def test_delete_during_the_create_leaves_nothing(environment: Environment) -> None:
    """CloudFormation cancels a Create that hangs while it sends its response."""
    event = environment.event("Create")
    responding, resume = threading.Event(), threading.Event()

    def hold() -> None:
        responding.set()
        resume.wait(30)

    environment.cloudformation.script = [hold]
    slow, fast = environment.function(), environment.function()
    slow.start(event)
    assert responding.wait(30)
    (id,) = environment.api_gateway.ids
    delete_certificate(environment, fast, event, id)
    assert not environment.api_gateway.ids
    resume.set()
    assert slow.wait() == "returned"
    assert not environment.api_gateway.ids, "the late Create generated another certificate"


@pytest.mark.failure_mode(6)
@pytest.mark.parametrize(
    "physical_id", ["Stack-Certificate4E7ABB08-1PQ2XYZ", "Stack_Certificate4E7ABB08_AB12CD34"]
)
@pytest.mark.usefixtures("tags_in_list")
def test_delete_with_a_generated_physical_id_keeps_the_tagged_certificate(
    environment: Environment, in_process: InProcessFunction, physical_id: str
) -> None:
    """If it belongs to a replaced resource, the tagged certificate may be the new one."""
    event = environment.event("Create")
    id = environment.api_gateway.store.generate("backend", expected_tags(event)).id
    delete_certificate(environment, in_process, event, physical_id)
    assert environment.api_gateway.ids == {id}
    assert not environment.api_gateway.writes
    assert (
        expected_tags(event).items() <= environment.api_gateway.store.certificates[id].tags.items()
    )


@pytest.mark.failure_mode(6)
@pytest.mark.usefixtures("tags_in_list")
def test_delete_by_request_id_removes_what_the_request_created(
    environment: Environment, in_process: InProcessFunction
) -> None:
    event, other = environment.event("Create"), environment.event("Create")
    for _ in range(2):
        environment.api_gateway.store.generate("backend", expected_tags(event))
    keep = {
        environment.api_gateway.store.generate("backend", expected_tags(other)).id,
        environment.api_gateway.store.generate("theirs", {}).id,
    }
    old = environment.api_gateway.store.generate("backend", expected_tags(event))
    old.created -= timedelta(days=30)  # a Delete can arrive much later
    delete_certificate(environment, in_process, event, placeholder_id(event))
    assert environment.api_gateway.ids == keep


@pytest.mark.failure_mode(10)
def test_delete_waits_until_no_stage_uses_the_certificate(
    environment: Environment, in_process: InProcessFunction
) -> None:
    event, id = create_certificate(environment, in_process)
    environment.api_gateway.stages = {"api1": {"prod": id}}
    environment.api_gateway.inject(
        InjectedFault(
            "DELETE", f"/clientcertificates/{id}", api_errors.error(400, "BadRequestException"), 9
        ),
        InjectedFault(
            "DELETE",
            f"/clientcertificates/{id}",
            api_errors.CONFLICT,
            do=lambda: environment.api_gateway.stages.clear(),
        ),
    )
    delete_certificate(environment, in_process, event)
    assert not environment.api_gateway.ids
    assert environment.api_gateway.count("DELETE") == 11
    assert not environment.api_gateway.count("GET", "/restapis.*"), (
        "stages are read only when the Reason names them"
    )
    assert sum(in_process.clock.slept) >= 5


@pytest.mark.failure_mode(10)
def test_delete_names_the_stages_that_use_the_certificate(
    environment: Environment, in_process: InProcessFunction
) -> None:
    event, id = create_certificate(environment, in_process)
    environment.api_gateway.stages = {
        "api1": {"prod": id, "test": "other1"},
        "api2": {"v1": id},
        "api3": {},
    }
    delete = delete_event(environment, event)
    started = in_process.clock.monotonic()
    assert in_process.invoke(delete).outcome == "returned"
    assert 120 < in_process.clock.monotonic() - started < 290
    physical_id, reason = expect_failure(environment, delete)
    assert physical_id == id
    assert environment.api_gateway.ids == {id}
    for stage in ("api1/prod", "api2/v1"):
        assert stage in reason
    assert "test" not in reason
    assert "api3" not in reason

    environment.api_gateway.stages.clear()
    delete_certificate(environment, in_process, event)
    assert not environment.api_gateway.ids


@pytest.mark.failure_mode(10)
@pytest.mark.parametrize("path", ["/restapis", "/restapis/\\w+/stages"])
def test_reason_names_the_missing_permission_to_read_stages(
    environment: Environment, in_process: InProcessFunction, path: str
) -> None:
    event, id = create_certificate(environment, in_process)
    environment.api_gateway.stages = {"api1": {"prod": id}}
    environment.api_gateway.inject(InjectedFault("GET", path, api_errors.DENIED, times=999))
    delete = delete_event(environment, event)
    in_process.invoke(delete)
    _, reason = expect_failure(environment, delete)
    assert id in reason
    assert "apigateway:GET on arn:aws:apigateway:us-east-1::/restapis" in reason
    assert environment.api_gateway.count("GET", path) == 1


@pytest.mark.failure_mode(10)
def test_reads_stages_in_a_bounded_number_of_calls(
    environment: Environment, in_process: InProcessFunction
) -> None:
    event, id = create_certificate(environment, in_process)
    environment.api_gateway.stages = {f"api{number:03d}": {"prod": "none"} for number in range(150)}
    environment.api_gateway.stages["api000"] = {"prod": id}
    delete = delete_event(environment, event)
    in_process.invoke(delete)
    _, reason = expect_failure(environment, delete)
    assert "api000/prod" in reason
    assert "110 further APIs" in reason
    assert environment.api_gateway.count("GET", "/restapis.*") <= 50


@pytest.mark.failure_mode(10)
def test_reason_quotes_another_cause_of_a_rejected_delete(
    environment: Environment, in_process: InProcessFunction
) -> None:
    event, id = create_certificate(environment, in_process)
    refusal = api_errors.error(400, "BadRequestException", "certificate is locked")
    environment.api_gateway.inject(InjectedFault("DELETE", ".*", refusal, times=999))
    delete = delete_event(environment, event)
    in_process.invoke(delete)
    physical_id, reason = expect_failure(environment, delete)
    assert physical_id == id
    assert "certificate is locked" in reason


@pytest.mark.failure_mode(10)
@pytest.mark.parametrize("page_size", [500, 60])
def test_reason_counts_the_apis_on_all_pages(
    environment: Environment, in_process: InProcessFunction, page_size: int
) -> None:
    """None of the stages that were read uses the certificate, so the Reason names none."""
    event, id = create_certificate(environment, in_process)
    environment.api_gateway.max_page_size = page_size
    environment.api_gateway.stages = {f"api{number:03d}": {"prod": "none"} for number in range(150)}
    environment.api_gateway.stages["api149"] = {"prod": id}
    delete = delete_event(environment, event)
    in_process.invoke(delete)
    _, reason = expect_failure(environment, delete)
    assert "in use by" not in reason
    assert f"{id} could not be deleted: the stages of 110 further APIs were not read" in reason
    assert environment.api_gateway.count("GET", "/restapis.*") <= 50


@pytest.mark.failure_mode(10)
def test_delete_names_the_stage_of_a_websocket_api(
    environment: Environment, in_process: InProcessFunction
) -> None:
    event, id = create_certificate(environment, in_process)
    environment.api_gateway.websocket_stages = {"socket1": {"live": id, "idle": "none"}}
    delete = delete_event(environment, event)
    in_process.invoke(delete)
    _, reason = expect_failure(environment, delete)
    assert f"client certificate {id} is in use by socket1/live: " in reason
    assert not environment.api_gateway.count("GET", "/v2/apis/http1/stages"), (
        "HTTP APIs cannot present a client certificate"
    )
    environment.api_gateway.websocket_stages.clear()
    delete_certificate(environment, in_process, event)


@pytest.mark.failure_mode(10)
@pytest.mark.parametrize("path", ["/v2/apis", "/v2/apis/\\w+/stages"])
def test_reason_names_stages_that_could_be_read(
    environment: Environment, in_process: InProcessFunction, path: str
) -> None:
    event, id = create_certificate(environment, in_process)
    environment.api_gateway.stages = {"api1": {"prod": id}}
    environment.api_gateway.websocket_stages = {"socket1": {"live": id}}
    environment.api_gateway.inject(InjectedFault("GET", path, api_errors.DENIED, times=999))
    delete = delete_event(environment, event)
    in_process.invoke(delete)
    _, reason = expect_failure(environment, delete)
    assert "is in use by api1/prod: " in reason
    assert "apigateway:GET on arn:aws:apigateway:us-east-1::/apis" in reason
    assert environment.api_gateway.count("GET", path) == 1


@pytest.mark.failure_mode(11)
@pytest.mark.usefixtures("tags_in_list")
def test_delete_gets_a_certificate_missing_from_the_list(
    environment: Environment, in_process: InProcessFunction
) -> None:
    event, _ = create_certificate(environment, in_process)
    lagging = Response(200, {}, b'{"item": []}')
    environment.api_gateway.inject(InjectedFault("GET", "/clientcertificates", lagging))
    delete_certificate(environment, in_process, event)
    assert not environment.api_gateway.ids


@pytest.mark.failure_mode(11)
@pytest.mark.usefixtures("tags_in_list")
def test_delete_of_a_missing_certificate_succeeds(
    environment: Environment, in_process: InProcessFunction
) -> None:
    event, id = create_certificate(environment, in_process)
    del environment.api_gateway.store.certificates[id]
    delete_certificate(environment, in_process, event)
    delete_certificate(environment, in_process, event)
    assert environment.api_gateway.count("DELETE") == 0


@pytest.mark.failure_mode(11)
def test_delete_succeeds_when_the_certificate_disappears_meanwhile(
    environment: Environment, in_process: InProcessFunction
) -> None:
    event, _ = create_certificate(environment, in_process)
    environment.api_gateway.inject(
        InjectedFault("DELETE", ".*", api_errors.error(404, "NotFoundException"), commit=True)
    )
    delete_certificate(environment, in_process, event)
    assert not environment.api_gateway.ids


@pytest.mark.parametrize("response", [api_errors.SERVER_ERROR, None], ids=["500", "reset"])
@pytest.mark.parametrize("commit", [True, False], ids=["committed", "not-committed"])
def test_retries_an_ambiguous_delete(
    environment: Environment, in_process: InProcessFunction, response: Response | None, commit: bool
) -> None:
    event, id = create_certificate(environment, in_process)
    environment.api_gateway.inject(InjectedFault("DELETE", ".*", response, commit=commit))
    delete_certificate(environment, in_process, event)
    assert environment.api_gateway.writes[1:] == [f"DELETE /clientcertificates/{id}"] * 2
    assert not environment.api_gateway.ids


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
        "２",  # noqa: RUF001 - a digit outside of ASCII
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
def test_delete_ignores_invalid_physical_ids(
    environment: Environment, in_process: InProcessFunction, physical_id: Any
) -> None:
    foreign = environment.api_gateway.store.generate("theirs", {})
    environment.api_gateway.store.certificates["abc123"] = foreign
    before = environment.api_gateway.ids
    event = environment.event("Delete", PhysicalResourceId=physical_id)
    assert in_process.invoke(event).outcome == "returned"
    expect_success(environment, event)
    assert set(environment.api_gateway.calls) <= {LIST}
    assert environment.api_gateway.ids == before


@pytest.mark.failure_mode(12)
def test_delete_without_a_physical_id_succeeds(
    environment: Environment, in_process: InProcessFunction
) -> None:
    event = environment.event("Delete")
    in_process.invoke(event)
    assert expect_success(environment, event) == placeholder_id(event)
    assert set(environment.api_gateway.calls) <= {LIST}


@pytest.mark.failure_mode(12)
@pytest.mark.parametrize("request_id", ["", "*", "x' OR 1", "7d3e9c1a-unheard-of"])
@pytest.mark.usefixtures("tags_in_list")
def test_delete_by_an_unknown_request_id_deletes_nothing(
    environment: Environment, in_process: InProcessFunction, request_id: str
) -> None:
    create_certificate(environment, in_process)
    environment.api_gateway.store.generate("theirs", {})
    environment.api_gateway.store.generate("odd", {"client-certificate:request-id": ""})
    before = environment.api_gateway.ids
    event = environment.event("Delete", PhysicalResourceId=f"request:{request_id}")
    in_process.invoke(event)
    expect_success(environment, event)
    assert environment.api_gateway.ids == before


@pytest.mark.usefixtures("tags_in_list")
def test_delete_keeps_the_certificate_of_another_stack(
    environment: Environment, in_process: InProcessFunction
) -> None:
    event, id = create_certificate(environment, in_process)
    environment.stack_id += "-other"
    delete = delete_event(environment, event, id)
    in_process.invoke(delete)
    expect_success(environment, delete)
    by_request_id = delete_event(environment, event, placeholder_id(event))
    in_process.invoke(by_request_id)
    expect_success(environment, by_request_id)
    assert environment.api_gateway.ids == {id}
    assert environment.api_gateway.count("DELETE") == 0


@pytest.mark.failure_mode(13)
@pytest.mark.usefixtures("tags_in_list")
def test_rollback_deletes_a_certificate_that_the_create_never_saw(
    environment: Environment, in_process: InProcessFunction
) -> None:
    """Every response to the generate call is lost; the Delete finds the certificate by its tags."""
    event = environment.event("Create")
    unreadable = InjectedFault("GET", ".*", api_errors.SERVER_ERROR, times=999)
    lost = InjectedFault(
        "POST", ".*", None, commit=True, do=lambda: environment.api_gateway.inject(unreadable)
    )
    environment.api_gateway.inject(lost)
    in_process.invoke(event)
    assert expect_failure(environment, event)[0] == placeholder_id(event)
    assert len(environment.api_gateway.ids) == 1
    environment.api_gateway.faults.clear()
    delete_certificate(environment, in_process, event)
    assert not environment.api_gateway.ids


@pytest.mark.failure_mode(32)
@pytest.mark.usefixtures("tags_in_list")
def test_delete_after_a_replacement_keeps_the_new_certificate(
    environment: Environment, in_process: InProcessFunction
) -> None:
    event, old = create_certificate(environment, in_process)
    del environment.api_gateway.store.certificates[old]
    update = environment.event(
        "Update", PhysicalResourceId=old, ResourceProperties=event["ResourceProperties"]
    )
    in_process.invoke(update)
    new = expect_success(environment, update)
    assert new != old
    delete_certificate(environment, in_process, event, old)
    assert environment.api_gateway.ids == {new}


@pytest.mark.failure_mode(32)
@pytest.mark.usefixtures("tags_in_list")
def test_delete_keeps_a_newer_certificate_of_the_same_logical_id(
    environment: Environment, in_process: InProcessFunction
) -> None:
    first, old = create_certificate(environment, in_process)
    _, new = create_certificate(environment, in_process)
    delete_certificate(environment, in_process, first, old)
    assert environment.api_gateway.ids == {new}
    delete_certificate(environment, in_process, first, placeholder_id(first))
    assert environment.api_gateway.ids == {new}


def test_delete_works_with_an_expired_response_url(
    environment: Environment, in_process: InProcessFunction
) -> None:
    event, _ = create_certificate(environment, in_process)
    delete_certificate(environment, in_process, event)
    late = environment.event(
        "Delete",
        PhysicalResourceId=responses_to(environment, event)[0]["PhysicalResourceId"],
        ResponseURL=environment.cloudformation.url("response-0", age=9000),
    )
    in_process.invoke(late)
    expect_success(environment, late)


def test_repeated_delete_gets_the_same_response(
    environment: Environment, in_process: InProcessFunction
) -> None:
    event, _ = create_certificate(environment, in_process)
    delete = delete_event(environment, event)
    in_process.invoke(delete)
    in_process.invoke(delete)
    first, second = responses_to(environment, delete)
    assert first == second
    assert first["Status"] == "SUCCESS"
    assert environment.api_gateway.count("DELETE") == 1
