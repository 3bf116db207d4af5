"""Runs the pinned CDK CLI against a local account."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from .local import LocalAws

__all__ = ["CdkError", "run_cdk"]

_ROOT = Path(__file__).resolve().parent.parent
_CDK = _ROOT / "node_modules/.bin/cdk"


class CdkError(Exception):
    """The CLI failed. The message is its first error, and `output` everything it printed."""

    def __init__(self, command: str, output: str) -> None:
        super().__init__(f"cdk {command} failed: {_cause(output)}")
        self.output = output


def run_cdk(aws: LocalAws, *arguments: str, folder: Path = _ROOT) -> str:
    """Run `cdk` and return what it printed.

    An exception while waiting, such as an interrupt, kills the CLI and all its child processes.

    Args:
        aws: The account.
        arguments: The command and its options.
        folder: The working directory, which contains the app's `cdk.json`.

    Raises:
        CdkError: The CLI failed or is not installed.
    """
    if not _CDK.exists():
        raise CdkError(arguments[0], "the CDK CLI is not installed: run make install")
    # The virtual environment first: it has the Node.js for the CLI and the Python for the app.
    path = os.pathsep.join([str(Path(sys.executable).parent), aws.environment["PATH"]])
    process = subprocess.Popen(
        [str(_CDK), *arguments, "--no-color"],
        cwd=folder,
        env={**aws.environment, "PATH": path},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate()
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    if process.returncode:
        raise CdkError(arguments[0], output)
    return output


def _cause(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if "FAILED" in line or "rror" in line or "❌" in line]
    return (errors or lines or ["it printed nothing"])[0]
