"""`make demo`'s program: what it shows, and what it leaves when it is interrupted or fails."""

import re
import signal
import time
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from demo import demo
from tests.e2e.support import (
    Scene,
    environment_from_nothing,
    processes_naming,
    python,
    read_until,
    story,
)


@dataclass(frozen=True)
class Run:
    status: int
    output: str
    processes: dict[int, str]
    """Those of the run that are still there when it has ended."""
    files: list[str]


@story
def whole_demo(scene: Scene) -> Run:
    return _run(scene)


@story
def demo_with_ctrl_c(scene: Scene) -> Run:
    return _run(scene, "cdk bootstrap", signal.SIGINT)


@story
def demo_terminated(scene: Scene) -> Run:
    return _run(scene, "cdk deploy", signal.SIGTERM)


def _run(scene: Scene, step: str = "", number: signal.Signals | None = None) -> Run:
    """Run the demo, with an interrupt, and an impatient second one, in the middle of a step."""
    environment = environment_from_nothing(scene.folder)
    process = python("-m", "demo", environment=environment)
    output = ""
    if number:
        output = read_until(process, step)
        time.sleep(2)
        assert len(processes_naming(scene.folder)) > 3, "the CLI and the server run"
        process.send_signal(number)
        time.sleep(0.02)
        process.send_signal(number)
    rest, _ = process.communicate(timeout=300)
    left = processes_naming(scene.folder)
    files = sorted(str(path) for path in (scene.folder / "tmp").iterdir())
    return Run(process.returncode, output + rest, left, files)


def test_the_demo_shows_each_step_and_ends_well(whole_demo: Run) -> None:
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


def test_the_demo_shows_the_outputs_and_proves_the_certificate(whole_demo: Run) -> None:
    said = " ".join(whole_demo.output.split())
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
        assert re.search(expected, said), f"no {expected!r} in {whole_demo.output}"


def test_no_run_leaves_a_process_or_a_file(
    whole_demo: Run, demo_with_ctrl_c: Run, demo_terminated: Run
) -> None:
    for run in (whole_demo, demo_with_ctrl_c, demo_terminated):
        assert run.processes == {}
        assert run.files == []


def test_an_interrupt_is_one_line(demo_with_ctrl_c: Run, demo_terminated: Run) -> None:
    for run in (demo_with_ctrl_c, demo_terminated):
        assert run.status == 1
        told = [line for line in run.output.splitlines() if not re.match(r"\[| {10}", line)]
        assert told == ["demo interrupted: everything it started has been stopped"]


@pytest.mark.parametrize(
    ("account", "endpoint"),
    [
        ("123456789012", "https://localhost:4566"),
        ("000000000000", "https://sts.us-east-1.amazonaws.com"),
        ("000000000000", "https://localhost.example.com:443"),
    ],
)
def test_the_demo_goes_on_in_the_local_account_only(account: str, endpoint: str) -> None:
    class Elsewhere:
        def client(self, service: str) -> Any:
            assert service == "sts", "nothing else is asked before"
            return SimpleNamespace(get_caller_identity=lambda: {"Account": account})

    elsewhere: Any = Elsewhere()
    elsewhere.endpoint = endpoint
    with pytest.raises(demo.DemoError, match=f"account {account} at {endpoint} is not the local"):
        demo._check_local(elsewhere)


def test_a_demo_that_fails_tells_the_cause_in_one_line(scene: Scene) -> None:
    """Without the CDK CLI, say."""
    program = """
from pathlib import Path
import local_aws.cdk
from demo.__main__ import main
local_aws.cdk._CDK = Path("/nowhere/cdk")
main()
"""
    process = python("-c", program, environment=environment_from_nothing(scene.folder))
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert [line for line in output.splitlines() if not line.startswith("[")] == [
        "demo failed: cdk bootstrap failed: the CDK CLI is not installed: run make install"
    ]
    assert processes_naming(scene.folder) == {}
