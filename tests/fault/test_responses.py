"""Responses: one per invocation, in time and without secrets."""

import json
import shutil
import socket
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from handler_testing import api_errors
from handler_testing.environment import Environment
from handler_testing.fake_api_gateway import InjectedFault
from handler_testing.fake_cloudformation import SIGNATURE, FakeCloudFormation
from handler_testing.in_process_function import InProcessFunction
from local_aws.responses import Response
from tests.fault.expect import (
    create_certificate,
    delete_certificate,
    delete_event,
    expect_failure,
    expect_success,
    placeholder_id,
    responses_to,
)

NOT_DELIVERED = "raised UndeliveredError: CloudFormation did not accept the response"


@pytest.mark.failure_mode(22)
@pytest.mark.parametrize("trouble", [500, 503, "reset"])
def test_retries_delivery_after_server_errors_and_resets(
    environment: Environment, in_process: InProcessFunction, trouble: int | str
) -> None:
    environment.cloudformation.script = [trouble] * 3
    create_certificate(environment, in_process)
    assert len(environment.cloudformation.attempts) == 4
    assert len(set(environment.cloudformation.attempts)) == 1, "the same response each time"
    assert environment.api_gateway.count("POST") == 1


@pytest.mark.failure_mode(22)
def test_retries_delivery_when_the_response_url_hangs(
    environment: Environment, in_process: InProcessFunction
) -> None:
    environment.cloudformation.script = ["hang", "reset", 503]
    create_certificate(environment, in_process)
    assert len(environment.cloudformation.attempts) == 4


@pytest.mark.failure_mode(22)
def test_retries_delivery_when_the_response_url_never_finishes(
    environment: Environment, in_process: InProcessFunction
) -> None:
    """Each byte arrives in time but the last one never does, so no read times out."""
    environment.cloudformation.script = ["drip"]
    create_certificate(environment, in_process)
    assert len(environment.cloudformation.attempts) == 2


@pytest.mark.failure_mode(22)
def test_raises_when_the_response_is_undeliverable(
    environment: Environment, in_process: InProcessFunction
) -> None:
    environment.cloudformation.script = [503] * 5
    event = environment.event("Create")
    assert in_process.invoke(event).outcome == f"{NOT_DELIVERED}: HTTP status 503"
    assert len(environment.cloudformation.attempts) == 5
    assert in_process.invoke(event).outcome == "returned"
    assert environment.api_gateway.ids == {expect_success(environment, event)}
    assert len(set(environment.cloudformation.attempts)) == 1
    assert environment.api_gateway.count("POST") == 1


@pytest.mark.failure_mode(22)
def test_stops_delivery_before_the_function_times_out(
    environment: Environment, in_process: InProcessFunction
) -> None:
    environment.cloudformation.script = [503] * 99
    started = in_process.clock.monotonic()
    ended = in_process.invoke(environment.event("Create"), seconds=4).outcome
    assert ended.startswith(NOT_DELIVERED)
    assert in_process.clock.monotonic() - started < 4
    assert 1 <= len(environment.cloudformation.attempts) <= 4


@pytest.mark.failure_mode(23)
@pytest.mark.parametrize("status", [400, 403, 404, 301, 302, 303, 307, 308])
def test_raises_at_once_when_the_response_is_refused_or_redirected(
    environment: Environment, in_process: InProcessFunction, status: int
) -> None:
    """Redirects are not followed, since the response is only for the URL that was signed."""
    environment.cloudformation.script = [status]
    assert (
        in_process.invoke(environment.event("Create")).outcome
        == f"{NOT_DELIVERED}: HTTP status {status}"
    )
    assert len(environment.cloudformation.attempts) == 1
    assert not environment.cloudformation.responses


@pytest.mark.failure_mode(23)
def test_sends_nothing_to_an_untrusted_response_url(
    environment: Environment,
    in_process: InProcessFunction,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    monkeypatch.setenv("SSL_CERT_FILE", str(FakeCloudFormation(other).authority))
    ended = in_process.invoke(environment.event("Create")).outcome
    assert ended == f"{NOT_DELIVERED}: SSLCertVerificationError"
    assert not environment.cloudformation.attempts


@pytest.mark.failure_mode(23)
def test_raises_when_the_response_url_refuses_connections(
    environment: Environment, in_process: InProcessFunction
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    event = environment.event(
        "Create", ResponseURL=f"https://127.0.0.1:{port}/answer-0?{SIGNATURE}"
    )
    assert in_process.invoke(event).outcome == f"{NOT_DELIVERED}: ConnectionRefusedError"


HANGS = {
    "Create-list": ("Create", InjectedFault("GET", "/clientcertificates", hang=60, times=99)),
    "Create-generate": ("Create", InjectedFault("POST", ".*", hang=60, times=99)),
    "Create-generate-committed": (
        "Create",
        InjectedFault("POST", ".*", hang=60, times=99, commit=True),
    ),
    "Update-get": ("Update", InjectedFault("GET", "/clientcertificates/.*", hang=60, times=99)),
    "Update-patch": ("Update", InjectedFault("PATCH", ".*", hang=60, times=99, commit=True)),
    "Delete-list": ("Delete", InjectedFault("GET", "/clientcertificates", hang=60, times=99)),
    "Delete-delete": ("Delete", InjectedFault("DELETE", ".*", hang=60, times=99)),
}


@pytest.mark.failure_mode(25)
@pytest.mark.parametrize(("kind", "fault"), HANGS.values(), ids=HANGS)
def test_responds_in_time_when_a_call_hangs(
    environment: Environment, in_process: InProcessFunction, kind: str, fault: InjectedFault
) -> None:
    """Scaled from 300 seconds to 6; at least a 16th of the time is left to deliver the response."""
    create = environment.event("Create")
    event = create
    if kind != "Create":
        create, id = create_certificate(environment, in_process)
        changed = {**create["ResourceProperties"], "Description": "changed"}
        event = environment.event(kind, PhysicalResourceId=id, ResourceProperties=changed)
    environment.api_gateway.inject(replace(fault))
    started = time.monotonic()
    invocation = in_process.invoke(event, seconds=6)
    assert time.monotonic() - started < 6
    assert invocation.outcome == "returned"
    (response,) = responses_to(environment, event)
    assert response["Status"] == "FAILED" or fault.commit
    if response["Status"] == "FAILED":
        assert response["PhysicalResourceId"] in (
            placeholder_id(event),
            *environment.api_gateway.ids,
        )

    environment.api_gateway.faults.clear()
    delete_certificate(environment, in_process, create)
    assert not environment.api_gateway.ids


@pytest.mark.failure_mode(25)
def test_responds_in_time_when_an_api_response_never_finishes(environment: Environment) -> None:
    """No read times out, since each byte arrives in time, so the watchdog responds."""
    event = environment.event("Create")
    slow = Response(201, {}, b" " * 1000)
    environment.api_gateway.inject(InjectedFault("POST", ".*", slow, commit=True, drip=0.1))
    function = environment.function()
    assert function.invoke(event, seconds=4).outcome == "returned"
    id, reason = expect_failure(environment, event)
    assert id == placeholder_id(event)
    assert "within the function's time" in reason
    assert len(environment.api_gateway.ids) == 1
    delete_certificate(environment, function, event)
    assert not environment.api_gateway.ids
    assert len(responses_to(environment, event)) == 1, "the abandoned thread must not respond"


@pytest.mark.failure_mode(25)
def test_makes_no_call_when_no_time_is_left(
    environment: Environment, in_process: InProcessFunction
) -> None:
    assert in_process.invoke(environment.event("Create"), seconds=0).outcome.startswith(
        NOT_DELIVERED
    )
    assert not environment.api_gateway.calls


@pytest.mark.failure_mode(26)
def test_requests_to_a_warm_process_share_nothing(environment: Environment) -> None:
    function = environment.function()
    first, id = create_certificate(environment, function)
    broken = environment.event("Create", ResourceProperties={"Colour": "red"})
    function.invoke(broken)
    assert expect_failure(environment, broken)[0] == placeholder_id(broken)
    (response,) = responses_to(environment, broken)
    assert not response.get("Data")
    assert id not in json.dumps(response)

    other = environment.event("Create", LogicalResourceId="Other")
    function.invoke(other)
    assert expect_success(environment, other) != id
    delete_certificate(environment, function, first)
    delete_certificate(environment, function, other)
    assert not environment.api_gateway.ids


@pytest.mark.failure_mode(26)
@pytest.mark.parametrize("garbage", [None, {}, [], "x", {"RequestType": "Create"}])
def test_invalid_event_gets_no_response_at_the_previous_url(
    environment: Environment, in_process: InProcessFunction, garbage: Any
) -> None:
    create_certificate(environment, in_process)
    before = list(environment.cloudformation.attempts)
    assert in_process.invoke(garbage).outcome.startswith("raised UnanswerableError")
    assert environment.cloudformation.attempts == before
    create_certificate(environment, in_process)


@pytest.mark.failure_mode(26)
def test_ignores_crhelper_fields_in_the_event(
    environment: Environment, in_process: InProcessFunction
) -> None:
    event = environment.event("Create", CrHelperData={"x": "y"}, CrHelperPoll=True, NoEcho=True)
    in_process.invoke(event)
    assert environment.api_gateway.ids == {expect_success(environment, event)}
    (response,) = responses_to(environment, event)
    assert "x" not in response["Data"]


PACKAGE = (
    "api_gateway",
    "calls",
    "certificate",
    "changes",
    "contract",
    "custom_resource",
    "deadline",
    "deletion",
    "errors",
    "faults",
    "invocation",
    "log",
    "metrics",
    "ownership",
    "request",
    "search",
    "tag_rules",
)
ENTRY = {"__init__", "main", "physical_id"}
"""Modules that the entry imports before it catches import errors."""
TASKS = {"clock", "monitor"}
"""Modules that only tasks import, which send no response."""


@pytest.mark.failure_mode(30)
@pytest.mark.parametrize("broken", [*(f"lambda_handler/{name}.py" for name in PACKAGE), "crhelper"])
def test_responds_failed_when_the_package_cannot_be_imported(
    environment: Environment, asset: Path, tmp_path: Path, broken: str
) -> None:
    environment.asset = tmp_path / "asset"
    shutil.copytree(asset, environment.asset)
    if broken == "crhelper":
        shutil.rmtree(environment.asset / broken)
        (environment.asset / "crhelper.py").write_text("raise ImportError('no crhelper')")
    else:
        assert (environment.asset / broken).exists()
        (environment.asset / broken).write_text("not Python code")
    event = environment.event("Delete", PhysicalResourceId="abc123")
    assert environment.function().invoke(event).outcome == "returned"
    id, reason = expect_failure(environment, event)
    assert id == "abc123"
    assert "cannot be imported" in reason
    assert "SyntaxError" in reason or "no crhelper" in reason
    assert not environment.api_gateway.calls


@pytest.mark.failure_mode(30)
def test_import_failures_cover_every_module_except_the_entry(asset: Path) -> None:
    names = {path.stem for path in (asset / "lambda_handler").glob("*.py")}
    assert names == {*PACKAGE, *ENTRY, *TASKS}


@pytest.mark.failure_mode(34)
def test_logs_one_json_line_per_decision_with_the_request_id(
    environment: Environment, in_process: InProcessFunction
) -> None:
    environment.api_gateway.inject(InjectedFault("POST", ".*", api_errors.THROTTLED))
    event = environment.event("Create")
    lines = [json.loads(line) for line in in_process.invoke(event).logs]
    assert [line["message"] for line in lines] == [
        "called",
        "call failed, retrying",
        "called",
        "generated",
        "response delivered",
    ]
    id = expect_success(environment, event)
    for line in lines:
        assert line["request_id"] == event["RequestId"]
        assert line["stack_id"] == event["StackId"]
        assert line["logical_id"] == event["LogicalResourceId"]
        assert line["level"] in ("INFO", "WARNING")
    assert [line.get("call") for line in lines[:3]] == [
        "get_client_certificates",
        "generate_client_certificate",
        "generate_client_certificate",
    ]
    assert [line["attempt"] for line in lines[:3]] == [1, 1, 2]
    assert lines[3]["certificate_id"] == lines[4]["physical_id"] == id


@pytest.mark.failure_mode(34)
def test_log_of_a_separate_process_is_json_without_the_url(environment: Environment) -> None:
    """The fixture `environment` searches all output for the URL; this output includes the log."""
    function = environment.function()
    environment.cloudformation.script = ["reset", 503]
    environment.api_gateway.inject(InjectedFault("GET", ".*", None))
    event = environment.event("Create")
    invocation = function.invoke(event)
    assert expect_success(environment, event)
    assert len(invocation.logs) >= 6
    for line in invocation.logs:
        assert json.loads(line)["request_id"] == event["RequestId"]
    assert invocation.logs[-1] in environment.output()
    environment.cloudformation.script = [403]
    assert function.invoke(environment.event("Delete")).outcome.startswith(NOT_DELIVERED)


def test_concurrent_invocations_in_one_process_share_nothing(
    environment: Environment, in_process: InProcessFunction
) -> None:
    """Lambda never runs two invocations in one process, but the handler does not rely on that."""
    events = [environment.event("Create", LogicalResourceId=f"Certificate{n}") for n in range(8)]
    threads = [threading.Thread(target=in_process.invoke, args=(event,)) for event in events]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {expect_success(environment, event) for event in events} == environment.api_gateway.ids
    assert len(environment.api_gateway.ids) == len(events)


def test_unexpected_error_outside_a_request_is_named_in_the_reason(
    environment: Environment, in_process: InProcessFunction, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise ZeroDivisionError("nobody saw this coming")

    event, id = create_certificate(environment, in_process)
    monkeypatch.setattr(in_process.main.custom_resource, "respond", broken)
    delete = delete_event(environment, event)
    assert in_process.invoke(delete).outcome == "returned"
    physical_id, reason = expect_failure(environment, delete)
    assert physical_id == id
    assert "ZeroDivisionError: nobody saw this coming" in reason


def test_unexpected_error_during_a_request_is_named_and_logged(
    environment: Environment, in_process: InProcessFunction
) -> None:
    """API Gateway's response lacks the ID that its model requires."""
    event, id = create_certificate(environment, in_process)
    bare = Response(200, {}, b'{"item": [{"description": "no ID"}]}')
    environment.api_gateway.inject(InjectedFault("GET", "/clientcertificates", bare))
    delete = delete_event(environment, event)
    invocation = in_process.invoke(delete)
    physical_id, reason = expect_failure(environment, delete)
    assert physical_id == id
    assert reason == "unexpected KeyError: 'clientCertificateId'"
    (line,) = (it for line in invocation.logs if (it := json.loads(line))["level"] == "ERROR")
    assert line["request_id"] == delete["RequestId"]
    assert "Traceback" in line["exception"]
    assert "KeyError" in line["exception"]


def test_expected_failure_is_logged_without_a_traceback(
    environment: Environment, in_process: InProcessFunction
) -> None:
    event = environment.event("Create", ResourceProperties={"Colour": "red"})
    invocation = in_process.invoke(event)
    expect_failure(environment, event)
    assert not any("exception" in json.loads(line) for line in invocation.logs)
