"""Test the public API at both ends of the version ranges in pyproject.toml: `make test-compat`.

Everything else runs on the locked versions. Pythons that this machine does not have are skipped.
"""

import importlib.metadata
import os
from pathlib import Path
from typing import Final

import nox

from tools.packages import AWS_CDK_LIB_LAST, uv_environment

PYTHONS: Final = nox.project.python_versions(nox.project.load_toml("pyproject.toml"))

TESTS: Final = [
    "tests/unit/test_adoption.py",
    "tests/unit/test_apps.py",
    "tests/unit/test_client_certificate.py",
    "tests/unit/test_cross_stack.py",
    "tests/unit/test_imports.py",
    "tests/unit/test_monitoring.py",
    "tests/unit/test_pem_parameter.py",
    "tests/unit/test_provider.py",
    "tests/unit/test_provider_options.py",
    "tests/unit/rotating",
    "tests/unit/test_stack.py",
    "tests/unit/test_stages.py",
    "tests/unit/test_tags.py",
]
"""Not the snapshots: another aws-cdk-lib may write the same template in another way."""

IMPORT_HANDLER: Final = "import boto3, lambda_handler.main as main; assert not main.IMPORT_ERROR"
"""The handler's side of the ranges: none of the tests imports boto3."""

# All of pyenv's Pythons, not only the one that it has been told to use here.
os.environ["PYENV_VERSION"] = ":".join(it.name for it in Path.home().glob(".pyenv/versions/3.*"))

nox.options.default_venv_backend = "uv"
nox.options.error_on_missing_interpreters = False
nox.options.download_python = "never"


@nox.session(python=PYTHONS[0])
def lowest(session: nox.Session) -> None:
    """The lowest version of each dependency, on the oldest Python."""
    _test(session, "lowest-direct")


@nox.session(python=PYTHONS)
def highest(session: nox.Session) -> None:
    """The highest version of each dependency, on every Python."""
    _test(session, "highest")


def _test(session: nox.Session, resolution: str) -> None:
    pytest = f"pytest=={importlib.metadata.version('pytest')}"
    session.env.update(uv_environment())
    packages = ("--resolution", resolution, "--editable", ".", pytest)
    session.install(*packages)
    session.install(*packages, *AWS_CDK_LIB_LAST)
    session.run("uv", "pip", "list", external=True)
    session.run("python", "-c", IMPORT_HANDLER, env={"AWS_DEFAULT_REGION": "eu-west-1"})
    session.run("pytest", "-q", "-p", "no:cacheprovider", *TESTS)
    if session.python == PYTHONS[0]:
        _check_consumer_types(session)


def _check_consumer_types(session: nox.Session) -> None:
    """Check an app that uses this package as its users do, with the whole of aws-cdk-lib."""
    consumer, python = "tests/consumer", f"{session.bin}/python"
    mypy = ("mypy", "--config-file", f"{consumer}/pyproject.toml", "--python-executable", python)
    session.run(*mypy, f"{consumer}/app.py", external=True)
    session.run("pyright", "--project", consumer, "--pythonpath", python, external=True)
