"""The answer: one from each invocation, in time, delivered or raised, and no secret in any line."""

import json
import shutil
import socket
import threading
import time
from dataclasses import replace
from pathlib import Path
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
)
from tests.fault.fakes import Fault, World
from tests.fault.quick_handler import InProcess

NOT_DELIVERED = "raised UndeliveredError: CloudFormation did not accept the response"


@pytest.mark.failure_mode(22)
@pytest.mark.parametrize("trouble", [500, 503, "reset"])
def test_retries_delivery_after_server_errors_and_resets(
    aws: World, here: InProcess, trouble: int | str
) -> None:
    aws.cloudformation.script = [trouble] * 3
    created(aws, here)
    assert len(aws.cloudformation.tries) == 4
    assert len(set(aws.cloudformation.tries)) == 1, "the same answer each time"
    assert aws.api.count("POST") == 1


@pytest.mark.failure_mode(22)
def test_retries_delivery_when_the_response_url_hangs(aws: World, here: InProcess) -> None:
    aws.cloudformation.script = ["hang", "reset", 503]
    created(aws, here)
    assert len(aws.cloudformation.tries) == 4


@pytest.mark.failure_mode(22)
def test_retries_delivery_when_the_response_url_never_finishes(aws: World, here: InProcess) -> None:
    """Each byte comes in time, the last one never: no wait for the network is too long."""
    aws.cloudformation.script = ["drip"]
    created(aws, here)
    assert len(aws.cloudformation.tries) == 2


@pytest.mark.failure_mode(22)
def test_raises_when_the_response_is_undeliverable(aws: World, here: InProcess) -> None:
    aws.cloudformation.script = [503] * 5
    event = aws.event("Create")
    assert here.invoke(event).ended == f"{NOT_DELIVERED}: HTTP status 503"
    assert len(aws.cloudformation.tries) == 5
    assert here.invoke(event).ended == "returned"
    assert aws.api.ids == {succeeded(aws, event)}
    assert len(set(aws.cloudformation.tries)) == 1
    assert aws.api.count("POST") == 1


@pytest.mark.failure_mode(22)
def test_stops_delivery_before_the_function_times_out(aws: World, here: InProcess) -> None:
    aws.cloudformation.script = [503] * 99
    started = here.clock.monotonic()
    ended = here.invoke(aws.event("Create"), seconds=4).ended
    assert ended.startswith(NOT_DELIVERED)
    assert here.clock.monotonic() - started < 4
    assert 1 <= len(aws.cloudformation.tries) <= 4


@pytest.mark.failure_mode(23)
@pytest.mark.parametrize("status", [400, 403, 404, 301, 302, 303, 307, 308])
def test_raises_at_once_when_the_response_is_refused_or_redirected(
    aws: World, here: InProcess, status: int
) -> None:
    """A redirect is not followed: the answer is for the URL that CloudFormation signed."""
    aws.cloudformation.script = [status]
    assert here.invoke(aws.event("Create")).ended == f"{NOT_DELIVERED}: HTTP status {status}"
    assert len(aws.cloudformation.tries) == 1
    assert not aws.cloudformation.answers


@pytest.mark.failure_mode(23)
def test_sends_nothing_to_an_untrusted_response_url(
    aws: World, here: InProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    monkeypatch.setenv("SSL_CERT_FILE", str(fakes.FakeCloudFormation(other).certificate))
    ended = here.invoke(aws.event("Create")).ended
    assert ended == f"{NOT_DELIVERED}: SSLCertVerificationError"
    assert not aws.cloudformation.tries


@pytest.mark.failure_mode(23)
def test_raises_when_the_response_url_refuses_connections(aws: World, here: InProcess) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    event = aws.event("Create", ResponseURL=f"https://127.0.0.1:{port}/answer-0?{fakes.SIGNATURE}")
    assert here.invoke(event).ended == f"{NOT_DELIVERED}: ConnectionRefusedError"


HANGS = {
    "Create-list": ("Create", Fault("GET", "/clientcertificates", hang=60, times=99)),
    "Create-generate": ("Create", Fault("POST", ".*", hang=60, times=99)),
    "Create-generate-committed": ("Create", Fault("POST", ".*", hang=60, times=99, commit=True)),
    "Update-get": ("Update", Fault("GET", "/clientcertificates/.*", hang=60, times=99)),
    "Update-patch": ("Update", Fault("PATCH", ".*", hang=60, times=99, commit=True)),
    "Delete-list": ("Delete", Fault("GET", "/clientcertificates", hang=60, times=99)),
    "Delete-delete": ("Delete", Fault("DELETE", ".*", hang=60, times=99)),
}


@pytest.mark.failure_mode(25)
@pytest.mark.parametrize(("kind", "fault"), HANGS.values(), ids=HANGS)
def test_responds_in_time_when_a_call_hangs(
    aws: World, here: InProcess, kind: str, fault: Fault
) -> None:
    """In 6 seconds what else takes 300: a 16th of the time at least stays for the delivery."""
    create = aws.event("Create")
    event = create
    if kind != "Create":
        create, id = created(aws, here)
        changed = {**create["ResourceProperties"], "Description": "changed"}
        event = aws.event(kind, PhysicalResourceId=id, ResourceProperties=changed)
    aws.api.script(replace(fault))
    started = time.monotonic()
    invocation = here.invoke(event, seconds=6)
    assert time.monotonic() - started < 6
    assert invocation.ended == "returned"
    (answer,) = answers_to(aws, event)
    assert answer["Status"] == "FAILED" or fault.commit
    if answer["Status"] == "FAILED":
        assert answer["PhysicalResourceId"] in (placeholder(event), *aws.api.ids)

    aws.api.faults.clear()
    deleted(aws, here, create)
    assert not aws.api.ids


@pytest.mark.failure_mode(25)
def test_responds_in_time_when_an_api_response_never_finishes(aws: World) -> None:
    """Each byte comes in time, the last one never: no read times out, and the watchdog answers."""
    event = aws.event("Create")
    made = fakes.Response(201, {}, b" " * 1000)
    aws.api.script(Fault("POST", ".*", made, commit=True, drip=0.1))
    function = aws.function()
    assert function.invoke(event, seconds=4).ended == "returned"
    id, reason = failed(aws, event)
    assert id == placeholder(event)
    assert "within the function's time" in reason
    assert len(aws.api.ids) == 1
    deleted(aws, function, event)
    assert not aws.api.ids
    assert len(answers_to(aws, event)) == 1, "the thread that was left behind answers nothing"


@pytest.mark.failure_mode(25)
def test_makes_no_call_when_no_time_is_left(aws: World, here: InProcess) -> None:
    assert here.invoke(aws.event("Create"), seconds=0).ended.startswith(NOT_DELIVERED)
    assert not aws.api.calls


@pytest.mark.failure_mode(26)
def test_requests_to_a_warm_process_share_nothing(aws: World) -> None:
    function = aws.function()
    first, id = created(aws, function)
    broken = aws.event("Create", ResourceProperties={"Colour": "red"})
    function.invoke(broken)
    assert failed(aws, broken)[0] == placeholder(broken)
    (answer,) = answers_to(aws, broken)
    assert not answer.get("Data")
    assert id not in json.dumps(answer)

    other = aws.event("Create", LogicalResourceId="Other")
    function.invoke(other)
    assert succeeded(aws, other) != id
    deleted(aws, function, first)
    deleted(aws, function, other)
    assert not aws.api.ids


@pytest.mark.failure_mode(26)
@pytest.mark.parametrize("garbage", [None, {}, [], "x", {"RequestType": "Create"}])
def test_invalid_event_gets_no_response_at_the_previous_url(
    aws: World, here: InProcess, garbage: Any
) -> None:
    created(aws, here)
    before = list(aws.cloudformation.tries)
    assert here.invoke(garbage).ended.startswith("raised UnanswerableError")
    assert aws.cloudformation.tries == before
    created(aws, here)


@pytest.mark.failure_mode(26)
def test_ignores_crhelper_fields_in_the_event(aws: World, here: InProcess) -> None:
    event = aws.event("Create", CrHelperData={"x": "y"}, CrHelperPoll=True, NoEcho=True)
    here.invoke(event)
    assert aws.api.ids == {succeeded(aws, event)}
    (answer,) = answers_to(aws, event)
    assert "x" not in answer["Data"]


PACKAGE = (
    "api_gateway",
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
    "ownership",
    "request",
    "search",
    "tag_rules",
)
ENTRY = {"__init__", "main", "physical_id"}
"""What the entry imports before it guards its imports."""


@pytest.mark.failure_mode(30)
@pytest.mark.parametrize("broken", [*(f"lambda_handler/{name}.py" for name in PACKAGE), "crhelper"])
def test_responds_failed_when_the_package_cannot_be_imported(
    aws: World, asset: Path, tmp_path: Path, broken: str
) -> None:
    aws.asset = tmp_path / "asset"
    shutil.copytree(asset, aws.asset)
    if broken == "crhelper":
        shutil.rmtree(aws.asset / broken)
        (aws.asset / "crhelper.py").write_text("raise ImportError('no crhelper')")
    else:
        assert (aws.asset / broken).exists()
        (aws.asset / broken).write_text("this is no Python")
    event = aws.event("Delete", PhysicalResourceId="abc123")
    assert aws.function().invoke(event).ended == "returned"
    id, reason = failed(aws, event)
    assert id == "abc123"
    assert "cannot be imported" in reason
    assert "SyntaxError" in reason or "no crhelper" in reason
    assert not aws.api.calls


@pytest.mark.failure_mode(30)
def test_import_failures_cover_every_module_except_the_entry(asset: Path) -> None:
    names = {path.stem for path in (asset / "lambda_handler").glob("*.py")}
    assert names == {*PACKAGE, *ENTRY}


@pytest.mark.failure_mode(34)
def test_logs_one_json_line_per_decision_with_the_request_id(aws: World, here: InProcess) -> None:
    aws.api.script(Fault("POST", ".*", fakes.THROTTLED))
    event = aws.event("Create")
    lines = [json.loads(line) for line in here.invoke(event).logs]
    assert [line["message"] for line in lines] == [
        "called",
        "call failed, retrying",
        "called",
        "generated",
        "response delivered",
    ]
    id = succeeded(aws, event)
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
def test_log_of_a_separate_process_is_json_without_the_url(aws: World) -> None:
    """The fixture `aws` looks for the URL in every test; here is what it looks through."""
    function = aws.function()
    aws.cloudformation.script = ["reset", 503]
    aws.api.script(Fault("GET", ".*", None))
    event = aws.event("Create")
    invocation = function.invoke(event)
    assert succeeded(aws, event)
    assert len(invocation.logs) >= 6
    for line in invocation.logs:
        assert json.loads(line)["request_id"] == event["RequestId"]
    assert invocation.logs[-1] in aws.told()
    aws.cloudformation.script = [403]
    assert function.invoke(aws.event("Delete")).ended.startswith(NOT_DELIVERED)


def test_concurrent_invocations_in_one_process_share_nothing(aws: World, here: InProcess) -> None:
    """Lambda keeps invocations apart; the handler shares nothing between them all the same."""
    events = [aws.event("Create", LogicalResourceId=f"Certificate{n}") for n in range(8)]
    threads = [threading.Thread(target=here.invoke, args=(event,)) for event in events]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {succeeded(aws, event) for event in events} == aws.api.ids
    assert len(aws.api.ids) == len(events)


def test_unexpected_error_outside_a_request_is_named_in_the_reason(
    aws: World, here: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise ZeroDivisionError("nobody saw this coming")

    event, id = created(aws, here)
    monkeypatch.setattr(here.main.custom_resource, "respond", broken)
    delete = delete_of(aws, event)
    assert here.invoke(delete).ended == "returned"
    answered, reason = failed(aws, delete)
    assert answered == id
    assert "ZeroDivisionError: nobody saw this coming" in reason


def test_unexpected_error_during_a_request_is_named_and_logged(
    aws: World, here: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A response without an ID in it, where the API's model says that there is one."""
    event, id = created(aws, here)
    bare = fakes.Response(200, {}, b'{"item": [{"description": "no ID"}]}')
    aws.api.script(Fault("GET", "/clientcertificates", bare))
    delete = delete_of(aws, event)
    invocation = here.invoke(delete)
    answered, reason = failed(aws, delete)
    assert answered == id
    assert reason == "unexpected KeyError: 'clientCertificateId'"
    (line,) = (it for line in invocation.logs if (it := json.loads(line))["level"] == "ERROR")
    assert line["request_id"] == delete["RequestId"]
    assert "Traceback" in line["exception"]
    assert "KeyError" in line["exception"]


def test_expected_failure_is_logged_without_a_traceback(aws: World, here: InProcess) -> None:
    event = aws.event("Create", ResourceProperties={"Colour": "red"})
    invocation = here.invoke(event)
    failed(aws, event)
    assert not any("exception" in json.loads(line) for line in invocation.logs)
