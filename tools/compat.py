"""Proves the ranges of pyproject.toml: the tests of the API, on what they admit at both ends.

`minimum` is exactly the lowest release of each requirement on the oldest Python, `newest` what pip
takes from the ranges on the newest Python that this machine has. Both lie in `.compat/`, and are
made anew when the requirements change; the newest each day too.
"""

import datetime
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement
from packaging.version import Version

ROOT: Final = Path(__file__).resolve().parents[1]
PROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OLDEST_PYTHON: Final = Version(PROJECT["requires-python"].removeprefix(">="))

TESTS: Final = [
    "tests/unit/test_adoption.py",
    "tests/unit/test_apps.py",
    "tests/unit/test_client_certificate.py",
    "tests/unit/test_cross_stack.py",
    "tests/unit/test_imports.py",
    "tests/unit/test_provider.py",
    "tests/unit/test_provider_options.py",
    "tests/unit/test_stack.py",
    "tests/unit/test_stages.py",
    "tests/unit/test_tags.py",
]
"""What proves the API. Not the snapshots: another aws-cdk-lib may write the same in another way."""

IMPORTS: Final = "import boto3, lambda_handler.main as main; assert not main.IMPORT_ERROR"
"""The handler's side of the ranges: no test above imports boto3."""


def main() -> None:
    pythons = sorted(_pythons())
    oldest = [python for python in pythons if python[0].release[:2] == OLDEST_PYTHON.release]
    requirements = [Requirement(line) for line in PROJECT["dependencies"]]
    _prove("minimum", (oldest or pythons)[0], [_lowest(it) for it in requirements])
    _prove("newest", pythons[-1], [], today=datetime.date.today().isoformat())


def _prove(name: str, python: tuple[Version, str], pins: list[str], today: str = "") -> None:
    version, executable = python
    folder = ROOT / ".compat" / name
    # What is absent from `pins` follows from the ranges of the project itself.
    made_of = json.dumps([str(version), PROJECT["dependencies"], pins, today])
    stamp = folder / ".installed"
    if not stamp.exists() or stamp.read_text() != made_of:
        shutil.rmtree(folder, ignore_errors=True)
        _run(executable, "-m", "venv", "--without-pip", str(folder))
        # Not compiled: of the thousands of modules of aws-cdk-lib few are imported.
        pip = [sys.executable, "-m", "pip", "--python", _python_of(folder), "install", "--quiet"]
        pytest = f"pytest=={importlib.metadata.version('pytest')}"
        _run(*pip, "--no-compile", "--editable", str(ROOT), *pins, pytest)
        stamp.write_text(made_of)
    names = [Requirement(line).name for line in PROJECT["dependencies"]]
    versions = f"import importlib.metadata as m; print({{n: m.version(n) for n in {names}}})"
    print(f"{name}: Python {version},", end=" ", flush=True)
    _run(_python_of(folder), "-c", versions)
    _run(_python_of(folder), "-c", IMPORTS, AWS_DEFAULT_REGION="eu-west-1")
    _run(_python_of(folder), "-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS)


def _lowest(requirement: Requirement) -> str:
    [bound] = [it.version for it in requirement.specifier if it.operator in (">=", "==")]
    return f"{requirement.name}=={bound}"


def _pythons() -> Iterator[tuple[Version, str]]:
    """The interpreters of this machine that are new enough and can make virtual environments."""
    own = getattr(sys, "_base_executable", sys.executable)
    on_path = [f"python3.{minor}" for minor in range(OLDEST_PYTHON.minor, 20)]
    pyenv = sorted(Path.home().glob(".pyenv/versions/3.*/bin/python3"))
    for candidate in [own, *on_path, *map(str, pyenv)]:
        script = "import platform, venv; print(platform.python_version())"
        try:
            done = subprocess.run([candidate, "-c", script], capture_output=True, text=True)
        except FileNotFoundError:
            continue
        # A shim of pyenv's is there for versions that are not chosen, too, and then fails.
        if done.returncode == 0 and Version(done.stdout) >= OLDEST_PYTHON:
            yield Version(done.stdout), candidate


def _python_of(folder: Path) -> str:
    return str(folder / "bin" / "python")


def _run(*command: str, **env: str) -> None:
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **env}, check=False)
    if done.returncode != 0:
        sys.exit(f"failed: {' '.join(command)}")


if __name__ == "__main__":
    main()
