"""What people do to a deploy: kill it, start it twice, take rights away from it."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from local_aws.cdk import CdkError
from tests.e2e.support import REPOSITORY, App, Scene, read_until, story


@dataclass(frozen=True)
class Killed:
    statuses: list[str]
    """Of the stack, after each command that was killed."""
    certificates: int
    left: int


@story
def killed(scene: Scene) -> Killed:
    app = scene.example("minimal.py", **{'"Minimal"': '"Killed"'})
    statuses = [_status_when_killed(app, "deploy", "creating CloudFormation changeset")]
    statuses.append(_status_when_killed(app, "deploy", "deploying..."))
    app.deploy()
    certificates = len(scene.certificates_of("Killed"))
    statuses.append(_status_when_killed(app, "destroy", "destroying..."))
    app.destroy()
    return Killed(statuses, certificates, len(scene.certificates_of("Killed")))


def _status_when_killed(app: App, command: str, text: str) -> str:
    """Kill the CLI, and the app that it runs, when it prints this text; the stack's status then."""
    environment = app.aws.environment | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{app.aws.environment['PATH']}"
    }
    options = ["--force"] if command == "destroy" else ["--require-approval", "never"]
    process = subprocess.Popen(
        [
            "cdk",
            command,
            "--app",
            f"python3 {app.app}",
            "--output",
            str(app.folder / "killed"),
            *options,
        ],
        env=environment,
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        read_until(process, text)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    stacks = app.aws.client("cloudformation").describe_stacks()["Stacks"]
    return next((stack["StackStatus"] for stack in stacks if stack["StackName"] == "Killed"), "")


def test_a_deploy_after_one_that_was_killed_works(killed: Killed) -> None:
    assert killed.certificates == 1


def test_a_destroy_after_one_that_was_killed_works(killed: Killed) -> None:
    assert killed.left == 0


@dataclass(frozen=True)
class Twice:
    succeeded: int
    certificates: int
    repeated: str
    left: int


@story
def twice(scene: Scene) -> Twice:
    app = scene.example("minimal.py", **{'"Minimal"': '"Twice"'})
    (scene.folder / "other").mkdir()
    other = replace(app, folder=scene.folder / "other")
    with ThreadPoolExecutor() as pool:
        succeeded = sum(pool.map(_succeeds, [app, other]))
    repeated = app.deploy()
    certificates = len(scene.certificates_of("Twice"))
    app.destroy()
    return Twice(succeeded, certificates, repeated, len(scene.certificates_of("Twice")))


def _succeeds(app: App) -> bool:
    try:
        app.deploy()
    except CdkError:
        return False
    return True


def test_two_deploys_at_once_make_one_certificate(twice: Twice) -> None:
    assert twice.succeeded >= 1
    assert "(no changes)" in twice.repeated
    assert twice.certificates == 1
    assert twice.left == 0


@dataclass(frozen=True)
class Denied:
    said: str
    seconds: float
    left: int


WITHOUT_POST = """
provider = stack.node.find_child("Custom::ApiGatewayClientCertificateProvider")
role = provider.node.find_child("Role").node.default_child
role.add_property_override("Policies.0.PolicyDocument.Statement.0.Action", "apigateway:GET")
app.synth()
"""


@story
def denied(scene: Scene) -> Denied:
    app = scene.example("minimal.py", **{'"Minimal"': '"Denied"', "app.synth()": WITHOUT_POST})
    began = time.monotonic()
    with pytest.raises(CdkError) as failed:
        app.deploy()
    seconds = time.monotonic() - began
    app.destroy()
    said = " ".join(failed.value.output.split())
    return Denied(said, seconds, len(scene.certificates_of("Denied")))


def test_a_deploy_without_the_right_to_generate_names_action_and_resource(denied: Denied) -> None:
    assert "apigateway:POST" in denied.said
    assert "arn:aws:apigateway:us-east-1::/clientcertificates" in denied.said
    assert denied.left == 0


def test_a_deploy_without_rights_gives_up_soon(denied: Denied) -> None:
    # A minute, which IAM may take to know of a new role, and the deploy around it.
    assert denied.seconds < 150
