"""Stories: what happens to a stack from its deploy to its end, told once, read by many tests.

A deploy is mostly waiting, so the stories of a module run beside each other, in one account. A
test asks for a story as for any fixture, and waits until it has ended.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local_aws import LocalAws
from local_aws.cdk import run_cdk

REPOSITORY = Path(__file__).parents[2]
EXAMPLES = REPOSITORY / "examples"
PARALLEL = 3


@dataclass(frozen=True)
class Scene:
    """Where a story takes place: an account that is bootstrapped, and an empty folder."""

    aws: LocalAws
    folder: Path
    server_files: tuple[Path, Path, Path]
    """A backend's: the CA, which the account trusts, a certificate and its private key."""

    def app(self, app: Path | None = None) -> "App":
        return App(self.aws, self.folder, app)

    def example(self, name: str, **edits: str) -> "App":
        """An example; with edits a copy, in which each keyword's text is replaced by its value."""
        source = EXAMPLES / name
        if not edits:
            return self.app(source)
        text = source.read_text()
        for old, new in edits.items():
            assert text.count(old) == 1, f"{old!r} is not once in {name}"
            text = text.replace(old, new)
        copy = self.folder / f"{len(list(self.folder.iterdir()))}-{name}"
        copy.write_text(text)
        return self.app(copy)

    @property
    def gateway(self) -> Any:
        return self.aws.client("apigateway")

    def certificate(self, id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.gateway.get_client_certificate(clientCertificateId=id)
        return found

    def generate(self, description: str = "made by hand") -> dict[str, Any]:
        made: dict[str, Any] = self.gateway.generate_client_certificate(description=description)
        return made

    def delete(self, *ids: str) -> None:
        for id in ids:
            self.gateway.delete_client_certificate(clientCertificateId=id)

    def certificates_of(self, stack: str) -> list[dict[str, Any]]:
        """Those that a stack of this name made or cares for."""
        return [
            item
            for page in self.gateway.get_paginator("get_client_certificates").paginate()
            for item in page["items"]
            if f":stack/{stack}/" in item.get("tags", {}).get("client-certificate:stack-id", "")
        ]

    def certificate_of(self, stack: str) -> dict[str, Any]:
        [found] = self.certificates_of(stack)
        return found


@dataclass(frozen=True)
class App:
    """A CDK app, by the CLI: `app` is its file, None for the one that cdk.json names."""

    aws: LocalAws
    folder: Path
    app: Path | None

    def cdk(self, command: str, *options: str, **context: str) -> str:
        """Run a command on the app, which is synthesized anew, and return what the CLI printed."""
        source = ["--app", f"python3 {self.app}"] if self.app else []
        given = [part for name, value in context.items() for part in ("-c", f"{name}={value}")]
        return run_cdk(
            self.aws, command, *source, "--output", str(self._assembly), *given, *options
        )

    def deploy(self, *options: str, **context: str) -> str:
        return self.cdk(
            "deploy", "--all", "--require-approval", "never",
            "--outputs-file", str(self._outputs), *options, **context,
        )  # fmt: skip

    def outputs(self, stack: str) -> dict[str, str]:
        """What the last deploy gave."""
        given: dict[str, str] = json.loads(self._outputs.read_text())[stack]
        return given

    def diff(self) -> str:
        """Of what was synthesized last. Raises `CdkError` where there is a difference."""
        return run_cdk(self.aws, "diff", "--app", str(self._assembly), "--fail")

    def deploy_again(self) -> str:
        """What was synthesized last."""
        return run_cdk(
            self.aws, "deploy", "--app", str(self._assembly), "--all",
            "--require-approval", "never", "--outputs-file", str(self._outputs),
        )  # fmt: skip

    def destroy(self) -> str:
        """The stacks that were synthesized last."""
        return run_cdk(self.aws, "destroy", "--app", str(self._assembly), "--all", "--force")

    @property
    def _assembly(self) -> Path:
        return self.folder / f"{self.app.stem if self.app else 'app'}.out"

    @property
    def _outputs(self) -> Path:
        return self._assembly.with_suffix(".json")


Tell = Callable[[Scene], Any]
STORIES: dict[str, Tell] = {}


def story(tell: Tell) -> Any:
    """A module's fixture: what `tell` returns. Or what it raises, in each test that asks."""
    name = tell.__name__
    STORIES[name] = tell

    @pytest.fixture(scope="module", name=name)
    def told(stories: dict[str, Any]) -> Any:
        return stories[name].result()

    return told


def make(target: str, *arguments: str, environment: dict[str, str]) -> tuple[int, str]:
    """Run a target in this checkout, as it is installed: a test must not install beneath tests."""
    process = start(
        "make", "--old-file=.venv/.installed", target, *arguments, environment=environment
    )
    output, _ = process.communicate(timeout=300)
    return process.returncode, output


def environment_from_nothing(folder: Path, **more: str) -> dict[str, str]:
    """PATH alone, and a home and a folder for temporary files that are empty."""
    places = {"HOME": folder / "home", "TMPDIR": folder / "tmp"}
    for place in places.values():
        place.mkdir(exist_ok=True)
    return {
        "PATH": os.defpath,
        **{name: str(place) for name, place in places.items()},
        # jsii unpacks 200 MB there: once a machine, not once a test.
        "JSII_RUNTIME_PACKAGE_CACHE_ROOT": str(Path.home() / ".cache/aws/jsii/package-cache"),
        **more,
    }


def start(
    *command: str, environment: dict[str, str], folder: Path = REPOSITORY
) -> subprocess.Popen[str]:
    """A process whose output and errors come by one pipe."""
    return subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def python(*arguments: str, environment: dict[str, str]) -> subprocess.Popen[str]:
    return start(sys.executable, *arguments, environment=environment)


def read_until(process: subprocess.Popen[str], text: str) -> str:
    """What the process prints up to a line with this text."""
    assert process.stdout
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        if text in line:
            return "".join(lines)
    pytest.fail(f"no {text!r} in:\n{''.join(lines)}")


def processes_naming(folder: Path) -> dict[int, str]:
    """The processes that run and whose command line or environment names the folder."""
    found: dict[int, str] = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            told = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        except OSError:  # it has ended, or is somebody else's
            continue
        if str(folder).encode() in told:
            found[int(process.name)] = told[:200].decode(errors="replace")
    return found
