"""Scenarios: sequences of deploys that run once and whose results many tests check.

A deploy mostly waits, so a module's scenarios run concurrently, in one account. A test requests a
scenario as a fixture, which waits for its result.
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
MAX_PARALLEL = 3


@dataclass(frozen=True)
class ScenarioContext:
    """The account and the empty folder in which a scenario runs."""

    aws: LocalAws
    folder: Path
    server_files: tuple[Path, Path, Path]
    """For a backend: the CA that the account trusts, a certificate and its private key."""

    def app(self, app: Path | None = None) -> "App":
        return App(self.aws, self.folder, app)

    def example(self, name: str, **edits: str) -> "App":
        """Return an example's app, or an edited copy: each keyword is replaced with its value."""
        source = EXAMPLES / name
        if not edits:
            return self.app(source)
        text = source.read_text()
        for old, new in edits.items():
            assert text.count(old) == 1, f"{name} must contain {old!r} exactly once"
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
        found: dict[str, Any] = self.gateway.generate_client_certificate(description=description)
        return found

    def delete(self, *ids: str) -> None:
        for id in ids:
            self.gateway.delete_client_certificate(clientCertificateId=id)

    def certificates_of(self, stack: str) -> list[dict[str, Any]]:
        """Return the client certificates whose tags name a stack of this name."""
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
    """A CDK app, run with the CDK CLI. `app` is its file; None means the app in cdk.json."""

    aws: LocalAws
    folder: Path
    app: Path | None

    def cdk(self, command: str, *options: str, **context: str) -> str:
        """Synthesize the app, run a CLI command on it, and return the CLI's output."""
        source = ["--app", f"python3 {self.app}"] if self.app else []
        values = [part for name, value in context.items() for part in ("-c", f"{name}={value}")]
        return run_cdk(
            self.aws, command, *source, "--output", str(self._assembly), *values, *options
        )

    def deploy(self, *options: str, **context: str) -> str:
        return self.cdk(
            "deploy", "--all", "--require-approval", "never",
            "--outputs-file", str(self._outputs), *options, **context,
        )  # fmt: skip

    def outputs(self, stack: str) -> dict[str, str]:
        """Return a stack's outputs from the last deploy."""
        outputs: dict[str, str] = json.loads(self._outputs.read_text())[stack]
        return outputs

    def diff(self) -> str:
        """Compare the last cloud assembly with the account.

        Raises:
            CdkError: They differ.
        """
        return run_cdk(self.aws, "diff", "--app", str(self._assembly), "--fail")

    def deploy_again(self) -> str:
        """Deploy the last cloud assembly without a new synth."""
        return run_cdk(
            self.aws, "deploy", "--app", str(self._assembly), "--all",
            "--require-approval", "never", "--outputs-file", str(self._outputs),
        )  # fmt: skip

    def destroy(self) -> str:
        """Destroy all stacks of the last cloud assembly."""
        return run_cdk(self.aws, "destroy", "--app", str(self._assembly), "--all", "--force")

    @property
    def _assembly(self) -> Path:
        return self.folder / f"{self.app.stem if self.app else 'app'}.out"

    @property
    def _outputs(self) -> Path:
        return self._assembly.with_suffix(".json")


Run = Callable[[ScenarioContext], Any]
SCENARIOS: dict[str, Run] = {}


def scenario(run: Run) -> Any:
    """Register a function as a scenario and make a module-scoped fixture of its result.

    If the scenario fails, each test that requests the fixture raises its exception.
    """
    name = run.__name__
    assert name not in SCENARIOS, f"two scenarios are called {name}"
    SCENARIOS[name] = run

    @pytest.fixture(scope="module", name=name)
    def result(scenarios: dict[str, Any]) -> Any:
        return scenarios[name].result()

    return result


def make(target: str, *arguments: str, environment: dict[str, str]) -> tuple[int, str]:
    """Run a target in this checkout, but never its installation: other tests use the same .venv."""
    process = start(
        "make", "--old-file=.venv/.installed", target, *arguments, environment=environment
    )
    output, _ = process.communicate(timeout=300)
    return process.returncode, output


def environment_from_nothing(folder: Path, **more: str) -> dict[str, str]:
    """Return variables with a default PATH, an empty home and an empty temporary folder."""
    folders = {"HOME": folder / "home", "TMPDIR": folder / "tmp"}
    for path in folders.values():
        path.mkdir(exist_ok=True)
    return {
        "PATH": os.defpath,
        **{name: str(path) for name, path in folders.items()},
        # jsii unpacks 200 MB into its cache: do that once per machine, not once per test.
        "JSII_RUNTIME_PACKAGE_CACHE_ROOT": str(Path.home() / ".cache/aws/jsii/package-cache"),
        "CDK_VALIDATION": "false",  # as in conftest.py
        **more,
    }


def start(
    *command: str, environment: dict[str, str], folder: Path = REPOSITORY
) -> subprocess.Popen[str]:
    """Start a process with standard output and standard error in one pipe."""
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
    """Return the process's output up to and including the first line that contains the text."""
    assert process.stdout
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        if text in line:
            return "".join(lines)
    pytest.fail(f"no {text!r} in:\n{''.join(lines)}")


def processes_naming(folder: Path) -> dict[int, str]:
    """Return the running processes whose command line or environment mentions the folder."""
    found: dict[int, str] = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            content = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        except OSError:  # the process has ended or belongs to another user
            continue
        if str(folder).encode() in content:
            found[int(process.name)] = content[:200].decode(errors="replace")
    return found
