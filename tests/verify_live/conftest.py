"""Fixtures: a local AWS, a backend, and runs of the program behind `make verify-live`."""

import dataclasses
import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from demo.backend import server_certificate
from demo.demo import left_in
from demo.servers import NGINX_MAIN
from local_aws import LocalAws
from tests.backends.servers import program
from tests.verify_live.driver import Interrupt
from tools.verify_live.synthesis import synthesize

ROOT = Path(__file__).parents[2]


class Result(NamedTuple):
    """The exit code, number of calls and output of a run."""

    code: int
    calls: int
    output: str


@pytest.fixture(scope="session")
def server_files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """Return the CA that the account trusts, and a localhost certificate and key from it."""
    return server_certificate(tmp_path_factory.mktemp("backend"))


@pytest.fixture(scope="session")
def aws(server_files: tuple[Path, Path, Path]) -> Iterator[LocalAws]:
    # This makes one claim other than assumed.
    with LocalAws(trust=server_files[0], update_resets_certificate=True) as aws:
        yield aws


@pytest.fixture(scope="session")
def backend_url(
    server_files: tuple[Path, Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Run nginx with `examples/backends/echo.conf` and yield its URL."""
    folder = tmp_path_factory.mktemp("nginx")
    for source, name in zip(server_files[1:], ("server.pem", "server.key"), strict=True):
        shutil.copy(source, folder / name)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    site = (ROOT / "examples/backends/echo.conf").read_text()
    assert "listen 443 ssl;" in site
    (folder / "site.conf").write_text(site.replace("listen 443", f"listen 127.0.0.1:{port}"))
    (folder / "nginx.conf").write_text(NGINX_MAIN)
    nginx = program("nginx", "nginx-light")
    command = [nginx, "-p", str(folder), "-c", "nginx.conf", "-e", "stderr"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        while socket.socket().connect_ex(("127.0.0.1", port)):
            assert process.poll() is None, (folder / "log").read_text()
            time.sleep(0.05)
        yield f"https://localhost:{port}/"
    finally:
        process.terminate()  # nginx must end its workers
        process.wait()


@pytest.fixture(scope="session")
def drive(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., list[Result]]:
    """Return a function that runs the program once per interrupt, with an account's variables."""
    synthesis = dataclasses.asdict(synthesize("verify-live-saved", LocalAws.account, "us-east-1"))

    def run(
        environment: Mapping[str, str], interrupts: Sequence[Interrupt] = (Interrupt(),)
    ) -> list[Result]:
        folder = tmp_path_factory.mktemp("runs")
        arguments = {"synthesis": synthesis, "interrupts": interrupts, "folder": str(folder)}
        subprocess.run(
            [sys.executable, "-m", "tests.verify_live.driver"],
            cwd=ROOT,
            env={**environment, "YES": "1"},
            input=json.dumps(arguments),
            text=True,
            check=True,
        )
        return [_result(folder / f"{it.call}-{it.moment}") for it in interrupts]

    return run


def _result(path: Path) -> Result:
    output = path.with_suffix(".txt").read_text()
    return Result(**json.loads(path.with_suffix(".json").read_text()), output=output)


def table_from(output: str) -> dict[str, str]:
    """Parse the table that a run prints, and return the observations by claim."""
    lines = output.splitlines()
    [head] = [number for number, line in enumerate(lines) if line.startswith("claim   ")]
    start, end = lines[head].index("observed"), lines[head].index("the code relies on it in")
    rows: list[tuple[list[str], list[str]]] = []
    for line in lines[head + 1 :]:
        if set(line) == {"-"}:
            rows.append(([], []))
        elif rows:
            rows[-1][0].append(line[:start].strip())
            rows[-1][1].append(line[start:end].strip())
    # Lines after the last line of dashes do not belong to the table.
    return {" ".join(claim).strip(): " ".join(seen).strip() for claim, seen in rows[:-1]}


def resources_in(aws: LocalAws) -> dict[str, list[Any]]:
    """Return an account's resources by kind, without empty kinds."""
    found = left_in(aws) | {
        "REST APIs": aws.client("apigateway").get_rest_apis()["items"],
        "WebSocket APIs": aws.client("apigatewayv2").get_apis()["Items"],
        "roles": aws.client("iam").list_roles()["Roles"],
        "buckets": aws.client("s3").list_buckets()["Buckets"],
        "parameters": aws.client("ssm").describe_parameters()["Parameters"],
    }
    return {kind: items for kind, items in found.items() if items}
