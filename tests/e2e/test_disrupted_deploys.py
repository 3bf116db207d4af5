"""Deploys that are killed, started twice, or lack a permission."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from local_aws.cdk import CdkError
from tests.e2e.support import REPOSITORY, App, ScenarioContext, scenario


@dataclass(frozen=True)
class Killed:
    certificates: int
    left: int


@scenario
def killed(context: ScenarioContext) -> Killed:
    app = context.example("minimal.py", **{'"Minimal"': '"Killed"'})
    _kill(app, "deploy", {"REVIEW_IN_PROGRESS"})
    _kill(app, "deploy", {"CREATE_IN_PROGRESS", "CREATE_COMPLETE"})
    app.deploy()
    certificates = len(context.certificates_of("Killed"))
    _kill(app, "destroy", {"DELETE_IN_PROGRESS", "gone"})
    app.destroy()
    return Killed(certificates, len(context.certificates_of("Killed")))


def _kill(app: App, command: str, statuses: set[str]) -> None:
    """Kill the CLI and its child processes once the stack has one of these statuses."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{app.aws.environment['PATH']}"
    options = ["--force"] if command == "destroy" else ["--require-approval", "never"]
    output = str(app.folder / "killed.out")
    process = subprocess.Popen(
        ["cdk", command, "--app", f"python3 {app.app}", "--output", output, *options],
        cwd=REPOSITORY,
        env={**app.aws.environment, "PATH": path},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    # One client for all polls: creating it takes longer than some statuses last.
    cloudformation = app.aws.client("cloudformation")
    try:
        while (status := _status(cloudformation, "Killed")) not in statuses:
            assert process.poll() is None, f"{command} ended before it was killed: {status}"
            time.sleep(0.02)
    finally:
        with suppress(ProcessLookupError):  # it has ended, which the assertion reports
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        _await_end_of_group(process.pid)


def _await_end_of_group(group: int) -> None:
    """Wait until no process of the group is left, including zombies.

    The next CLI would wait for them, since they might still read from its output folder.
    """
    deadline = time.monotonic() + 60
    with suppress(ProcessLookupError):
        while time.monotonic() < deadline:
            os.killpg(group, 0)
            time.sleep(0.02)


def _status(cloudformation: Any, stack: str) -> str:
    stacks = cloudformation.describe_stacks()["Stacks"]
    return next((it["StackStatus"] for it in stacks if it["StackName"] == stack), "gone")


def test_deploy_succeeds_after_killed_deploys(killed: Killed) -> None:
    assert killed.certificates == 1


def test_destroy_succeeds_after_a_killed_destroy(killed: Killed) -> None:
    assert killed.left == 0


@dataclass(frozen=True)
class Twice:
    succeeded: int
    certificates: int
    repeated: str
    left: int


@scenario
def twice(context: ScenarioContext) -> Twice:
    app = context.example("minimal.py", **{'"Minimal"': '"Twice"'})
    (context.folder / "other").mkdir()
    other = replace(app, folder=context.folder / "other")
    with ThreadPoolExecutor() as pool:
        succeeded = sum(pool.map(_succeeds, [app, other]))
    repeated = app.deploy()
    certificates = len(context.certificates_of("Twice"))
    app.destroy()
    return Twice(succeeded, certificates, repeated, len(context.certificates_of("Twice")))


def _succeeds(app: App) -> bool:
    try:
        app.deploy()
    except CdkError:
        return False
    return True


def test_concurrent_deploys_create_one_certificate(twice: Twice) -> None:
    assert twice.succeeded >= 1
    assert "(no changes)" in twice.repeated
    assert twice.certificates == 1
    assert twice.left == 0


@dataclass(frozen=True)
class Denied:
    error: str
    seconds: float
    left: int


WITHOUT_POST = """
provider = stack.node.find_child("Custom::ApiGatewayClientCertificateProvider")
role = provider.node.find_child("Role").node.default_child
role.add_property_override("Policies.0.PolicyDocument.Statement.0.Action", "apigateway:GET")
app.synth()
"""


@scenario
def denied(context: ScenarioContext) -> Denied:
    app = context.example("minimal.py", **{'"Minimal"': '"Denied"', "app.synth()": WITHOUT_POST})
    began = time.monotonic()
    with pytest.raises(CdkError) as failed:
        app.deploy()
    seconds = time.monotonic() - began
    app.destroy()
    error = " ".join(failed.value.output.split())
    return Denied(error, seconds, len(context.certificates_of("Denied")))


def test_error_names_the_denied_action_and_resource(denied: Denied) -> None:
    assert "apigateway:POST" in denied.error
    assert "arn:aws:apigateway:us-east-1::/clientcertificates" in denied.error
    assert denied.left == 0


def test_deploy_without_permission_fails_within_minutes(denied: Denied) -> None:
    # The handler retries for a minute while IAM may still propagate a new role; the deploy itself
    # takes the rest.
    assert denied.seconds < 150
