"""Test the server's process: its options, the environment of functions, and its cleanup."""

import io
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local_aws import LocalAws, LocalAwsError
from tests.local_aws.stack import ASSUMED_BY_LAMBDA
from tests.local_aws.waiting import eventually

REPOSITORY = Path(__file__).parents[2]
FUNCTION = """
import os, sys, boto3

def handler(event, context):
    certificates = boto3.client("apigateway").get_client_certificates
    try:
        listed = len(certificates()["items"])
    except Exception as error:
        listed = type(error).__name__
    return {"environment": dict(os.environ), "python": sys.executable, "pid": os.getpid(),
            "listed": listed}
"""


def invoke_function(aws: LocalAws, name: str) -> dict[str, Any]:
    """Create a function whose role has no permissions, and invoke it."""
    role = aws.client("iam").create_role(
        RoleName=name, AssumeRolePolicyDocument=json.dumps(ASSUMED_BY_LAMBDA)
    )
    asset = io.BytesIO()
    with zipfile.ZipFile(asset, "w") as archive:
        archive.writestr("index.py", FUNCTION)
    functions = aws.client("lambda")
    functions.create_function(
        FunctionName=name,
        Runtime="python3.14",
        Handler="index.handler",
        Role=role["Role"]["Arn"],
        Code={"ZipFile": asset.getvalue()},
        Timeout=30,
    )
    payload: dict[str, Any] = json.load(functions.invoke(FunctionName=name)["Payload"])
    return payload


def runs(pid: int) -> bool:
    """Return whether the process runs; a zombie does not."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder in which commands create temporary files."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    return folder


@pytest.fixture
def command(folder: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "local_aws", *arguments],
            cwd=REPOSITORY,
            env={**os.environ, "TMPDIR": str(folder), "AWS_PROFILE": "of-the-user"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def exported(process: subprocess.Popen[str]) -> dict[str, str]:
    """Return a shell's variables after it evaluated the command's output up to "# ready"."""
    assert process.stdout
    lines: list[str] = []
    for line in process.stdout:
        if line.startswith("# ready"):
            break
        lines.append(line)
    script = "".join(lines) + "env -0\n"
    shell = subprocess.run(
        ["sh", "-c", script],
        env={"PATH": os.environ["PATH"], "AWS_PROFILE": "of-the-user"},
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(item.split("=", 1) for item in shell.stdout.split("\0") if item)


def server_of(process: subprocess.Popen[str]) -> int:
    return int(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[0])


def test_function_gets_a_clean_environment_and_its_roles_permissions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "of-the-user")
    monkeypatch.setenv("AWS_ENDPOINT_URL_APIGATEWAY", "https://localhost:1")
    monkeypatch.setenv("SECRET_OF_THE_USER", "1")
    with LocalAws() as aws:
        result = invoke_function(aws, "one")
        log = aws.log
        assert runs(result["pid"])

    assert result["listed"] == "ClientError", "a role without a policy has no permissions"
    assert result["python"] == sys.executable
    environment = result["environment"]
    assert not {"AWS_PROFILE", "AWS_ENDPOINT_URL_APIGATEWAY", "SECRET_OF_THE_USER"} & set(
        environment
    )
    assert "PYTHONPATH" not in environment
    assert environment["SSL_CERT_FILE"] == environment["AWS_CA_BUNDLE"], "for crhelper's response"
    assert environment["HOME"].startswith(str(log.parent))
    assert (
        environment["AWS_CONFIG_FILE"] == environment["AWS_SHARED_CREDENTIALS_FILE"] == "/dev/null"
    )
    assert environment["AWS_ACCESS_KEY_ID"] != aws.environment["AWS_ACCESS_KEY_ID"]
    assert eventually(lambda: not runs(result["pid"])), "the function outlives the account"
    assert not log.parent.exists()


def test_environment_points_to_this_account_only(aws: LocalAws) -> None:
    environment = aws.environment
    assert environment["AWS_ENDPOINT_URL"] == aws.endpoint == f"https://localhost:{aws.port}"
    assert (
        environment["AWS_CONFIG_FILE"] == environment["AWS_SHARED_CREDENTIALS_FILE"] == "/dev/null"
    )
    assert "AWS_PROFILE" not in environment
    for name in ("HOME", "CDK_HOME", "TMPDIR", "AWS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"):
        assert environment[name].startswith(str(aws.log.parent)), name
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import boto3; print(boto3.client('sts').get_caller_identity()['Account'])",
        ],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == aws.account == "000000000000"


def test_private_keys_are_readable_by_the_owner_only(aws: LocalAws) -> None:
    folder = aws.log.parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "server.key").stat().st_mode) == 0o600


def test_listens_on_loopback_only(aws: LocalAws) -> None:
    addresses = {
        fields[1].split(":")[0]
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        for fields in map(str.split, Path(table).read_text().splitlines()[1:])
        if fields[1].endswith(f":{aws.port:04X}") and fields[3] == "0A"
    }
    assert addresses == {"0100007F"}


def test_credentials_differ_between_runs(aws: LocalAws) -> None:
    with LocalAws() as other:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            assert other.environment[name] != aws.environment[name]


def test_command_line_options_reach_the_server(
    command: Callable[..., subprocess.Popen[str]],
) -> None:
    shell = exported(command("--quota", "1", "--no-tags-in-list", "--region", "eu-west-1"))
    script = """
import boto3
client = boto3.client("apigateway")
client.generate_client_certificate(tags={"a": "b"})
print("tags" in client.get_client_certificates()["items"][0], client.meta.region_name)
try:
    client.generate_client_certificate()
except client.exceptions.LimitExceededException:
    print("full")
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=shell | {"AWS_MAX_ATTEMPTS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "False eu-west-1\nfull\n"


def test_help_explains_how_to_deploy_and_invoke_a_stage(
    command: Callable[..., subprocess.Popen[str]],
) -> None:
    output, _ = command("--help").communicate(timeout=20)
    for line in (
        "cdk bootstrap",
        "cdk deploy --require-approval never",
        "cdk destroy --force",
        'curl --cacert "$AWS_CA_BUNDLE" "$AWS_ENDPOINT_URL/_aws/execute-api/API_ID/STAGE/"',
    ):
        assert f"\n    {line}\n" in output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_command_serves_a_shell_and_cleans_up(
    command: Callable[..., subprocess.Popen[str]], folder: Path, number: signal.Signals
) -> None:
    process = command()
    shell = exported(process)
    assert "AWS_PROFILE" not in shell
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import boto3; print(boto3.client('apigateway').get_client_certificates()['items'])",
        ],
        env=shell,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
    server = server_of(process)
    assert runs(server)

    process.send_signal(number)
    _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, "")
    assert not runs(server)
    assert list(folder.iterdir()) == []


def test_server_stops_when_the_command_is_killed(
    command: Callable[..., subprocess.Popen[str]], folder: Path
) -> None:
    process = command()
    exported(process)
    server = server_of(process)
    process.kill()
    assert eventually(lambda: not runs(server))
    assert list(folder.iterdir()) == []


def test_command_reports_a_stopped_server(
    command: Callable[..., subprocess.Popen[str]], folder: Path
) -> None:
    process = command()
    exported(process)
    os.kill(server_of(process), signal.SIGKILL)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 1
    assert errors.startswith("the local AWS server stopped unexpectedly")
    assert list(folder.iterdir()) == []


def test_port_in_use_prints_one_line(
    command: Callable[..., subprocess.Popen[str]], folder: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = command("--port", str(port))
        output, errors = process.communicate(timeout=20)
    assert process.returncode == 1
    assert output == ""
    assert re.fullmatch(rf"port {port} is in use: choose another one with --port.*\n", errors)
    assert list(folder.iterdir()) == []


def test_refuses_a_port_out_of_range() -> None:
    with pytest.raises(LocalAwsError, match="port 65536 is out of range"), LocalAws(65536):
        pass


def test_refuses_a_missing_ca_file(tmp_path: Path) -> None:
    with pytest.raises(LocalAwsError, match="is not a file"), LocalAws(trust=tmp_path / "ca.pem"):
        pass


def test_interrupt_during_startup_leaves_nothing(
    command: Callable[..., subprocess.Popen[str]], folder: Path
) -> None:
    process = command()
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    assert eventually(lambda: bool(children.read_text()))
    server = server_of(process)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 0
    # If interrupted during the fork, the command exits first, and the server stops on its own.
    assert eventually(lambda: not runs(server))
    assert list(folder.iterdir()) == []


def test_failed_start_reports_the_cause_and_leaves_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    monkeypatch.setattr("local_aws.local._ROOT", folder)  # contains no `local_aws`
    with pytest.raises(LocalAwsError, match="No module named"), LocalAws():
        pass
    assert list(folder.iterdir()) == []
