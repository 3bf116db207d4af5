"""The handlers that are compared, each in a new process as Lambda starts it, and what they call."""

import functools
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from typing import Any, Final
from unittest import mock
from urllib.parse import urlsplit

import crhelper

from bench.compare import Cost, kill
from bench.peers import DESCRIPTION, TAG_LIST, TAGS
from handler_testing.environment import Environment, create_environment
from handler_testing.node_runtime import NODE, PATH, node_modules
from lambda_handler import contract
from local_aws import issuing

PEERS: Final = Path(__file__).parent / "peers"

OURS, AWS_CUSTOM_RESOURCE = "this construct", "AwsCustomResource (Node.js)"
CRHELPER, BOTO3 = "crhelper as in its README", "boto3 alone"

_FOLDER: Final = tempfile.TemporaryDirectory(prefix="bench-")
WORKSPACE: Final = Path(_FOLDER.name)


@dataclass(frozen=True)
class Handler:
    """A handler: the command that starts it, its variables, and the properties of its resource."""

    command: tuple[str, ...]
    environment: Mapping[str, str]
    properties: Mapping[str, Any] = field(
        default_factory=lambda: {"Description": DESCRIPTION, "Tags": TAG_LIST}
    )


@functools.cache
def synthesize(name: str, count: int = 1) -> Path:
    """Synthesize an app with this many certificates by a function of peers/stacks.py."""
    folder = WORKSPACE / f"{name}-{count}"
    run_app(name, count, folder)
    return folder


def run_app(name: str, count: int, folder: Path) -> None:
    """Run the app of `synthesize`, without CDK's validation: it is the same for all."""
    subprocess.run(
        [sys.executable, PEERS / "app.py", name, str(count), folder],
        check=True,
        env={**os.environ, "PATH": PATH, "CDK_VALIDATION": "false"},
        stderr=subprocess.DEVNULL,
    )


def asset(name: str, file: str) -> Path:
    """Return the asset of such an app that contains a file."""
    [found] = [folder for folder in synthesize(name).glob("asset.*") if (folder / file).exists()]
    return found


@functools.cache
def crhelper_asset() -> Path:
    """Return the asset of the handler from crhelper's README."""
    folder = WORKSPACE / "crhelper"
    without_bytecode = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PEERS / "plain_crhelper", folder, ignore=without_bytecode)
    package = Path(crhelper.__file__).parent
    shutil.copytree(package, folder / "crhelper", ignore=without_bytecode)
    return folder


def ours() -> Handler:
    """Return the handler of this construct, as packaged."""
    return _python(contract.HANDLER, asset("ours", "lambda_handler"))


def boto3_alone() -> Handler:
    """Return a handler that only makes the first call that ours makes."""
    return _python("index.handler", PEERS / "boto3_alone")


def plain_crhelper() -> Handler:
    """Return the handler from crhelper's README."""
    return _python("index.handler", crhelper_asset())


def aws_custom_resource() -> Handler:
    """Return the handler of `AwsCustomResource`."""
    create = {
        "service": "api-gateway",
        "action": "GenerateClientCertificate",
        "parameters": {"description": DESCRIPTION, "tags": TAGS},
        "physicalResourceId": {"responsePath": "clientCertificateId"},
    }
    delete = {
        "service": "api-gateway",
        "action": "DeleteClientCertificate",
        "parameters": {"clientCertificateId": "PHYSICAL:RESOURCEID:"},
    }
    # The binary: `node` in .venv/bin is a Python script.
    runtime, file = PEERS / "runtime.cjs", asset("aws_custom_resource", "index.js")
    return Handler(
        (str(NODE / "node"), str(runtime), str(file / "index.js"), "handler"),
        {"NODE_PATH": str(node_modules())},
        {
            "Create": json.dumps(create),
            "Delete": json.dumps(delete),
            "InstallLatestAwsSdk": "false",
        },
    )


def _python(handler: str, folder: Path) -> Handler:
    # -S: this project's tools hook into site-packages, which would be measured.
    command = (sys.executable, "-S", str(PEERS / "runtime.py"), handler)
    path = os.pathsep.join([str(folder), sysconfig.get_paths()["purelib"]])
    return Handler(command, {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"})


class Services:
    """The fakes of API Gateway and CloudFormation, and the handlers' variables for them."""

    def __init__(self, environment: Environment) -> None:
        self.api_gateway = environment.api_gateway
        self.cloudformation = environment.cloudformation
        self.event = environment.event
        self.variables = {
            **environment.variables,
            "NODE_EXTRA_CA_CERTS": str(environment.cloudformation.authority),
            "RESPONSE_PORT": str(urlsplit(environment.cloudformation.url()).port),
        }

    def start(
        self, handler: Handler, event: Mapping[str, Any], **variables: str
    ) -> "subprocess.Popen[bytes]":
        """Start a handler's process and send it its first event."""
        process = subprocess.Popen(
            handler.command,
            env={**self.variables, **handler.environment, **variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert process.stdin
        event = {**event, "ResourceProperties": {**handler.properties}}
        process.stdin.write(json.dumps(event).encode() + b"\n")
        process.stdin.flush()
        return process

    def respond(
        self, handler: Handler, request_type: str, **overrides: Any
    ) -> tuple[Cost, dict[str, Any]]:
        """Start a handler and send it an event.

        Returns:
            What it took until CloudFormation had the response, and the response.
        """
        event, responses = self.event(request_type, **overrides), self.cloudformation.responses
        responses.clear()
        started = time.monotonic()
        process = self.start(handler, event)
        while not responses:
            assert process.poll() is None, f"the handler ended without a response to {event}"
            time.sleep(0.001)
        cost, response = kill(process, started), responses[-1]
        assert response["Status"] == "SUCCESS", response
        return cost, response


@contextmanager
def services() -> Iterator[Services]:
    """Start the fakes. They issue the same few certificates: new keys take a random time."""
    issued = cycle([issuing.issue_certificate()[:2] for _ in range(5)])

    def issue(_created: datetime | None = None) -> tuple[str, str, datetime]:
        return (*next(issued), datetime.now(UTC).replace(microsecond=0))

    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.object(issuing, "issue_certificate", issue),
        create_environment(Path(folder), Path(folder)) as environment,
    ):
        yield Services(environment)
