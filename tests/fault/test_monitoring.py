"""The monitoring task, and the metric that Create and Update print."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler_testing.api_errors import DENIED, SERVER_ERROR, THROTTLED
from handler_testing.environment import Environment
from handler_testing.fake_api_gateway import InjectedFault
from handler_testing.in_process_function import InProcessFunction
from handler_testing.packaged_function import PackagedFunction
from lambda_handler.clock import later
from lambda_handler.metrics import days_to_expiry
from local_aws.responses import json_response
from tests.fault.expect import create_certificate

DAY = timedelta(days=1)
NOON = datetime(2027, 1, 1, 12, tzinfo=UTC)
NO_TIMES: list[Any] = [None, 5, [], {}, "", "soon", "<aws.scheduler.scheduled-time>"]


def entry(id: str, logical_id: str = "Certificate4E7ABB08") -> dict[str, str]:
    return {"StackName": "Orders", "LogicalId": logical_id, "ClientCertificateId": id}


def task(*certificates: Any, time: Any = "<aws.scheduler.scheduled-time>") -> dict[str, Any]:
    return {"task": "monitor", "time": time, "certificates": list(certificates)}


def iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def metric_lines(output: str) -> list[dict[str, Any]]:
    """Parse the lines in the embedded metric format. Each must contain JSON only."""
    return [json.loads(line) for line in output.splitlines() if '"_aws"' in line]


def days(output: str) -> dict[str, float]:
    """Return the days to expiry that were printed, by logical ID."""
    return {line["LogicalId"]: line["DaysToExpiry"] for line in metric_lines(output)}


Printed = pytest.CaptureFixture[str]


@pytest.fixture
def ids(environment: Environment, in_process: InProcessFunction, capsys: Printed) -> list[str]:
    """Return the IDs of three existing certificates."""
    created = [create_certificate(environment, in_process)[1] for _ in range(3)]
    capsys.readouterr()
    environment.api_gateway.calls.clear()
    return created


@given(st.datetimes(timezones=st.just(UTC)), st.timedeltas(-1000 * DAY, 1000 * DAY))
def test_days_to_expiry_are_fractional_and_negative_once_expired(
    now: datetime, validity: timedelta
) -> None:
    try:
        expires = now + validity
    except OverflowError:
        return
    value = days_to_expiry(expires, now)
    assert value == pytest.approx(validity.total_seconds() / 86_400)
    assert (value < 0) == (expires < now)


@pytest.mark.failure_mode(39)
@pytest.mark.parametrize(
    ("time", "expected"),
    [
        (iso(NOON - DAY), NOON),
        (iso(NOON + DAY), NOON + DAY),
        ("2027-01-02T12:00:00", NOON + DAY),
        ("2027-01-02T13:00:00+01:00", NOON + DAY),
        *((time, NOON) for time in NO_TIMES),
    ],
)
def test_now_is_the_later_of_the_events_time_and_the_wall_clock(
    time: Any, expected: datetime
) -> None:
    assert later(time, NOON) == expected


def test_prints_one_line_in_the_embedded_metric_format(
    environment: Environment, in_process: InProcessFunction, ids: list[str], capsys: Printed
) -> None:
    expires = environment.api_gateway.store.certificates[ids[0]].expires
    now = expires - timedelta(days=10, hours=12)
    assert in_process.invoke(task(entry(ids[0]), time=iso(now))).outcome == "returned"
    [line] = capsys.readouterr().out.splitlines()
    assert json.loads(line) == {
        "_aws": {
            "Timestamp": int(now.timestamp()) * 1000,
            "CloudWatchMetrics": [
                {
                    "Namespace": "ApiGatewayClientCertificate",
                    "Dimensions": [["StackName", "LogicalId"]],
                    "Metrics": [{"Name": "DaysToExpiry"}],
                }
            ],
        },
        "StackName": "Orders",
        "LogicalId": "Certificate4E7ABB08",
        "DaysToExpiry": 10.5,
    }
    assert environment.api_gateway.calls == [f"GET /clientcertificates/{ids[0]}"]


def test_reports_negative_days_for_an_expired_certificate(
    environment: Environment, in_process: InProcessFunction, ids: list[str], capsys: Printed
) -> None:
    expires = environment.api_gateway.store.certificates[ids[0]].expires
    in_process.invoke(task(entry(ids[0]), time=iso(expires + 3 * DAY)))
    assert list(days(capsys.readouterr().out).values()) == [-3.0]


@pytest.mark.failure_mode(35)
def test_reports_minus_one_for_a_certificate_deleted_by_hand(
    environment: Environment, in_process: InProcessFunction, ids: list[str], capsys: Printed
) -> None:
    del environment.api_gateway.store.certificates[ids[0]]
    invocation = in_process.invoke(task(entry(ids[0], "Gone"), entry(ids[1], "Here")))
    assert invocation.outcome == "returned"
    printed = days(capsys.readouterr().out)
    assert printed.keys() == {"Gone", "Here"}
    assert printed["Gone"] == -1
    assert printed["Here"] > 364
    [error] = [line for line in map(json.loads, invocation.logs) if line["level"] == "ERROR"]
    assert error["message"] == "does not exist in this account and Region"
    assert error["certificate"] == f"client certificate {ids[0]} (Orders/Gone)"


@pytest.mark.failure_mode(36)
@pytest.mark.parametrize(
    ("response", "named"),
    [
        (THROTTLED, "was throttled"),
        (DENIED, "the function's role needs apigateway:GET on arn:aws:apigateway:us-east-1::/cl"),
        (SERVER_ERROR, "failed without saying"),
        (None, "failed without saying"),
    ],
    ids=["throttled", "denied", "server error", "connection reset"],
)
@pytest.mark.parametrize("position", [0, 1, 2])
def test_unreadable_certificate_does_not_stop_the_others(
    environment: Environment,
    in_process: InProcessFunction,
    ids: list[str],
    capsys: Printed,
    response: Any,
    named: str,
    position: int,
) -> None:
    path = f"/clientcertificates/{ids[position]}"
    environment.api_gateway.inject(InjectedFault("GET", path, response, times=10_000))
    invocation = in_process.invoke(task(*(entry(id, id) for id in ids)))
    assert invocation.outcome.startswith("raised RequestError: 1 of 3 certificates could not be ")
    assert f"client certificate {ids[position]} (Orders/{ids[position]}): " in invocation.outcome
    assert named in invocation.outcome
    assert days(capsys.readouterr().out).keys() == set(ids) - {ids[position]}


@pytest.mark.failure_mode(36)
def test_retries_for_others_leave_time_for_the_last_certificate(
    environment: Environment, in_process: InProcessFunction, ids: list[str], capsys: Printed
) -> None:
    throttled = InjectedFault("GET", "/clientcertificates/other.*", THROTTLED, times=10_000)
    environment.api_gateway.inject(throttled)
    environment.api_gateway.inject(
        InjectedFault("GET", f"/clientcertificates/{ids[0]}", THROTTLED, times=2)
    )
    others = [entry(f"other{n}") for n in range(10)]
    outcome = in_process.invoke(task(*others, entry(ids[0], "Last"))).outcome
    assert "10 of 11 certificates could not be checked" in outcome
    assert days(capsys.readouterr().out).keys() == {"Last"}


@pytest.mark.failure_mode(36)
def test_throttled_read_is_retried(
    environment: Environment, in_process: InProcessFunction, ids: list[str], capsys: Printed
) -> None:
    environment.api_gateway.inject(InjectedFault("GET", ".*", THROTTLED, times=3))
    assert in_process.invoke(task(*(entry(id, id) for id in ids))).outcome == "returned"
    assert days(capsys.readouterr().out).keys() == set(ids)


def test_certificate_without_a_date_is_not_reported(
    environment: Environment,
    in_process: InProcessFunction,
    ids: list[str],
    capsys: Printed,
) -> None:
    response = json_response(200, {"clientCertificateId": ids[0]})
    path = f"/clientcertificates/{ids[0]}"
    environment.api_gateway.inject(InjectedFault("GET", path, response))
    outcome = in_process.invoke(task(entry(ids[0], "First"), entry(ids[1], "Second"))).outcome
    assert "without its expiration date" in outcome
    assert days(capsys.readouterr().out).keys() == {"Second"}


GARBAGE: list[Any] = [
    None,
    5,
    "abc123",
    [],
    {},
    {"StackName": "Orders", "LogicalId": "C"},
    {"StackName": "Orders", "LogicalId": "C", "ClientCertificateId": None},
    {"StackName": 5, "LogicalId": "C", "ClientCertificateId": "abc123"},
    {"StackName": "Orders", "LogicalId": "", "ClientCertificateId": "abc123"},
    {"StackName": "Orders", "LogicalId": "C", "ClientCertificateId": "../restapis"},
    {"StackName": "Orders", "LogicalId": "C", "ClientCertificateId": "x" * 1000},
]


@pytest.mark.failure_mode(37)
@pytest.mark.parametrize("garbage", GARBAGE, ids=range(len(GARBAGE)))
def test_malformed_entry_does_not_stop_the_others(
    environment: Environment,
    in_process: InProcessFunction,
    ids: list[str],
    capsys: Printed,
    garbage: Any,
) -> None:
    outcome = in_process.invoke(task(garbage, entry(ids[0]))).outcome
    assert outcome.startswith("raised RequestError: 1 of 2 certificates could not be checked: ")
    assert "certificates[0]: " in outcome
    assert len(days(capsys.readouterr().out)) == 1
    assert environment.api_gateway.calls == [f"GET /clientcertificates/{ids[0]}"]


@pytest.mark.failure_mode(37)
@pytest.mark.parametrize("certificates", [None, {}, "abc123", 5])
def test_invalid_list_of_certificates_raises(
    environment: Environment, in_process: InProcessFunction, certificates: Any
) -> None:
    outcome = in_process.invoke({"task": "monitor", "certificates": certificates}).outcome
    assert outcome.startswith("raised InvalidRequestError: certificates must be a list of objects")
    assert environment.api_gateway.calls == []


@pytest.mark.failure_mode(37)
@pytest.mark.parametrize("name", ["rotat", "Monitor", "", None, 5, [], {}, ["monitor"]])
def test_unknown_task_raises(in_process: InProcessFunction, name: Any) -> None:
    outcome = in_process.invoke({"task": name, "certificates": []}).outcome
    assert outcome.startswith("raised UnanswerableError: ")


@pytest.mark.failure_mode(37)
def test_event_with_a_response_url_is_not_a_task(
    environment: Environment, in_process: InProcessFunction
) -> None:
    event = environment.event("Create", task="monitor", certificates=[])
    in_process.invoke(event)
    assert [it["RequestId"] for it in environment.cloudformation.responses] == [event["RequestId"]]
    url: dict[str, Any] = {"task": "monitor", "certificates": [], "ResponseURL": None}
    assert in_process.invoke(url).outcome.startswith("raised UnanswerableError: ")


@pytest.mark.failure_mode(36)
def test_names_every_certificate_when_none_can_be_read(
    environment: Environment, in_process: InProcessFunction, ids: list[str]
) -> None:
    environment.api_gateway.inject(InjectedFault("GET", ".*", THROTTLED, times=10_000))
    outcome = in_process.invoke(task(*map(entry, ids))).outcome
    assert outcome.startswith("raised RequestError: 3 of 3 certificates could not be checked: ")
    assert all(f"client certificate {id} " in outcome for id in ids)
    assert sum(in_process.clock.slept) < 300


@pytest.mark.failure_mode(38)
def test_task_raises_when_the_package_cannot_be_imported(environment: Environment) -> None:
    """In a separate process without a Region, so that boto3 cannot create a client."""
    variables = {name: it for name, it in environment.variables.items() if "REGION" not in name}
    function = PackagedFunction(environment.asset, variables)
    environment.functions.append(function)
    assert function.invoke(task()).outcome.startswith("raised NoRegionError")


@pytest.mark.parametrize("kind", ["Create", "Update"])
def test_create_and_update_print_the_metric_too(
    environment: Environment, in_process: InProcessFunction, capsys: Printed, kind: str
) -> None:
    event, id = create_certificate(environment, in_process)
    if kind == "Update":
        capsys.readouterr()
        event = environment.event("Update", PhysicalResourceId=id)
        in_process.invoke(event)
    [line] = metric_lines(capsys.readouterr().out)
    assert line["StackName"] == "Stack"
    assert line["LogicalId"] == event["LogicalResourceId"]
    assert 364.9 < line["DaysToExpiry"] <= 365
    assert line["request_id"] == event["RequestId"]


def test_look_up_prints_the_metric_too(
    environment: Environment, in_process: InProcessFunction, ids: list[str], capsys: Printed
) -> None:
    in_process.invoke(
        environment.event(
            "Create",
            ResourceType="Custom::ApiGatewayClientCertificateLookup",
            ResourceProperties={"ClientCertificateId": ids[0]},
        )
    )
    assert len(metric_lines(capsys.readouterr().out)) == 1


def test_delete_prints_no_metric(
    environment: Environment, in_process: InProcessFunction, ids: list[str], capsys: Printed
) -> None:
    in_process.invoke(environment.event("Delete", PhysicalResourceId=ids[0]))
    assert metric_lines(capsys.readouterr().out) == []


def test_packaged_handler_prints_each_metric_on_a_separate_line(
    environment: Environment, ids: list[str]
) -> None:
    function = environment.function()
    invocation = function.invoke(task(*(entry(id, id) for id in ids)))
    assert invocation.outcome == "returned"
    assert days("\n".join(invocation.logs)).keys() == set(ids)


def test_cold_start_does_not_import_the_task(environment: Environment) -> None:
    code = "import sys, lambda_handler.main as it; print(it.IMPORT_ERROR, *sys.modules)"
    variables = {**environment.variables, "PYTHONPATH": str(environment.asset)}
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, env=variables, capture_output=True, text=True, check=True)
    error, *modules = run.stdout.split()
    assert error == "None"
    assert "lambda_handler.metrics" in modules
    assert not {"lambda_handler.monitor", "lambda_handler.clock"} & set(modules)
