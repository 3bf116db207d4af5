"""Run the program behind `make demo`: its output, and its cleanup when interrupted or failing."""

import re
import signal
import time
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from demo import demo
from tests.e2e.support import (
    ScenarioContext,
    environment_from_nothing,
    processes_naming,
    python,
    read_until,
    scenario,
)


@dataclass(frozen=True)
class Run:
    status: int
    output: str
    processes: dict[int, str]
    """Processes that it started and that still run after it ended."""
    files: list[str]


@scenario
def whole_demo(context: ScenarioContext) -> Run:
    return _run(context)


@scenario
def demo_with_ctrl_c(context: ScenarioContext) -> Run:
    return _run(context, "cdk bootstrap", signal.SIGINT)


@scenario
def demo_terminated(context: ScenarioContext) -> Run:
    return _run(context, "cdk deploy", signal.SIGTERM)


def _run(context: ScenarioContext, step: str = "", number: signal.Signals | None = None) -> Run:
    """Run the demo; with a signal number, send that signal twice in the middle of a step."""
    environment = environment_from_nothing(context.folder)
    process = python("-m", "demo", environment=environment)
    output = ""
    if number:
        output = read_until(process, step)
        time.sleep(2)
        assert len(processes_naming(context.folder)) > 3, "the CLI and the server must be running"
        process.send_signal(number)
        time.sleep(0.02)
        process.send_signal(number)
    rest, _ = process.communicate(timeout=300)
    left = processes_naming(context.folder)
    files = sorted(str(path) for path in (context.folder / "tmp").iterdir())
    return Run(process.returncode, output + rest, left, files)


def test_demo_prints_each_step_and_succeeds(whole_demo: Run) -> None:
    assert whole_demo.status == 0, whole_demo.output
    steps = [line[10:] for line in whole_demo.output.splitlines() if line.startswith("[")]
    assert steps == [
        "starting an AWS account on this machine",
        "cdk bootstrap",
        "cdk deploy",
        "calling a backend that trusts this certificate only",
        "cdk deploy, with another description and another tag",
        "cdk destroy",
        "done: nothing is left but the CDK's own toolkit stack, and that is gone with the account",
    ]


def test_demo_prints_the_outputs_and_the_backend_checks(whole_demo: Run) -> None:
    output = " ".join(whole_demo.output.split())
    for expected in (
        r"ClientCertificateId = \w+",
        r"PemEncodedCertificate = -----BEGIN CERTIFICATE-----",
        r"ExpirationDate = \d{4}-\d\d-\d\dT",
        r"subject CN=ApiGateway,L=Seattle,C=US",
        r"SHA-256 ([0-9a-f]{2}:){31}[0-9a-f]{2}",
        r"'trusted' presents \w+ the backend answers",
        r"'other' presents \w+ the backend refuses",
        r"'none' presents no certificate the backend refuses",
        r"no client certificates, functions, log groups, stacks left",
    ):
        assert re.search(expected, output), f"no {expected!r} in {whole_demo.output}"


def test_demo_leaves_no_process_or_file(
    whole_demo: Run, demo_with_ctrl_c: Run, demo_terminated: Run
) -> None:
    for run in (whole_demo, demo_with_ctrl_c, demo_terminated):
        assert run.processes == {}
        assert run.files == []


def test_interrupted_demo_prints_one_line(demo_with_ctrl_c: Run, demo_terminated: Run) -> None:
    for run in (demo_with_ctrl_c, demo_terminated):
        assert run.status == 1
        messages = [line for line in run.output.splitlines() if not re.match(r"\[| {10}", line)]
        assert messages == ["demo interrupted: everything it started has been stopped"]


@pytest.mark.parametrize(
    ("account", "endpoint"),
    [
        ("123456789012", "https://localhost:4566"),
        ("000000000000", "https://sts.us-east-1.amazonaws.com"),
        ("000000000000", "https://localhost.example.com:443"),
    ],
)
def test_demo_stops_outside_the_local_account(account: str, endpoint: str) -> None:
    class Elsewhere:
        def client(self, service: str) -> Any:
            assert service == "sts", "the account must be checked before any other call"
            return SimpleNamespace(get_caller_identity=lambda: {"Account": account})

    elsewhere: Any = Elsewhere()
    elsewhere.endpoint = endpoint
    with pytest.raises(demo.DemoError, match=f"account {account} at {endpoint} is not the local"):
        demo.check_local(elsewhere)


def test_failing_demo_prints_the_cause_in_one_line(context: ScenarioContext) -> None:
    """Use a missing CDK CLI as the cause."""
    program = """
from pathlib import Path
import local_aws.cdk
from demo.__main__ import main
local_aws.cdk._CDK = Path("/nowhere/cdk")
main()
"""
    process = python("-c", program, environment=environment_from_nothing(context.folder))
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert [line for line in output.splitlines() if not line.startswith("[")] == [
        "demo failed: cdk bootstrap failed: the CDK CLI is not installed: run make install"
    ]
    assert processes_naming(context.folder) == {}
