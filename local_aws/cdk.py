"""The pinned CDK CLI, run against a local account."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from .local import LocalAws

__all__ = ["CdkError", "run_cdk"]

_ROOT = Path(__file__).resolve().parent.parent
_CDK = _ROOT / "node_modules/.bin/cdk"


class CdkError(Exception):
    """The CLI ended with an error; `output` is all that it said, the message its first error."""

    def __init__(self, command: str, output: str) -> None:
        super().__init__(f"cdk {command} failed: {_cause(output)}")
        self.output = output


def run_cdk(aws: LocalAws, *arguments: str, folder: Path = _ROOT) -> str:
    """Run `cdk` in the folder of an app and return what it printed. Raises `CdkError`.

    Whatever ends this process's wait, an interrupt say, ends the CLI and all that it started.
    """
    if not _CDK.exists():
        raise CdkError(arguments[0], "the CDK CLI is not installed: run make install")
    # First the Node that the CLI runs on, and the Python of the app.
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
    lines: Sequence[str] = [line.strip() for line in output.splitlines() if line.strip()]
    telling = [line for line in lines if "FAILED" in line or "rror" in line or "❌" in line]
    return (telling or lines or ["it printed nothing"])[0]
