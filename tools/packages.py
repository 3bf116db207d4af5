"""Install the locked packages, or update the locks.

Usage: python tools/packages.py install | install-extra | lock [option of `uv pip compile` …]

uv does both, since pip takes ten times as long; pip installs uv. uv does not read pip's settings,
so this hands them over: where pip works, nothing else needs configuration.
"""

import ast
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]

_PIP: Final = (sys.executable, "-m", "pip")
PIP_SETTINGS: Final = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "no-index": "UV_NO_INDEX",
    "trusted-host": "UV_INSECURE_HOST",
    "proxy": "ALL_PROXY",
    "cert": "SSL_CERT_FILE",
}
"""pip's settings, and uv's environment variables with the same meaning."""


AWS_CDK_LIB_LAST: Final = ("--reinstall-package", "aws-cdk-lib")
"""Both aws-cdk-lib and aws-cdk.cloud-assembly-schema bring `aws_cdk/cloud_assembly_schema`.

aws_cdk fails unless aws-cdk-lib's files are the ones that stay. pip installs it last; uv installs
in any order, so that aws-cdk-lib has to be installed once more after it.
"""


def main(command: str, *options: str) -> None:
    match command:
        case "install":
            _install_uv()
            locked = ("--require-hashes", "--requirement", "requirements-dev.txt")
            _uv("install", *locked)
            _uv("install", *locked, *AWS_CDK_LIB_LAST)
            # An editable package cannot have a hash. The locked hatchling builds it.
            _uv("install", "--no-deps", "--no-build-isolation", "--editable", ".")
            _run("npm", "ci", "--loglevel=error")
        case "install-extra":
            _uv("install", "--require-hashes", "--requirement", "requirements-extra.txt")
        case "lock":
            # The largest set first: the app gets the versions that the tests run with.
            _lock("requirements-dev.txt", "pyproject.toml", "--group", "dev", *options)
            tested = ("--constraint", "requirements-dev.txt")
            _lock("requirements.txt", "pyproject.toml", *tested)
            _lock("requirements-extra.txt", "--group", "extra", *tested, *options)
        case _:
            sys.exit(f"no command {command!r}: install, install-extra or lock")


def uv_environment() -> dict[str, str]:
    """Return this process's environment, with pip's settings for what it does not set for uv."""
    settings = subprocess.check_output([*_PIP, "config", "list"], text=True)
    return {**uv_settings(settings), **os.environ}


def uv_settings(pip_settings: str) -> dict[str, str]:
    """Return the environment variables that give uv the same settings as pip.

    Args:
        pip_settings: What `pip config list` prints: lines such as `global.timeout='60'`, where the
            section is `global`, `install` or another command, or `:env:` for PIP_TIMEOUT.
    """
    uv = {
        # Search all indexes, as pip does. The hashes protect against packages with the same name.
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        # A company's proxy may use a CA that only the system trusts.
        "UV_SYSTEM_CERTS": "true",
    }
    settings = [line.partition("=")[::2] for line in pip_settings.splitlines()]
    for section in ("global", "install", ":env:"):  # pip's order: the last one wins
        for key, value in settings:
            if variable := PIP_SETTINGS.get(key.removeprefix(f"{section}.")):
                separator = "," if variable == "UV_FIND_LINKS" else " "
                uv[variable] = separator.join(ast.literal_eval(value).split())
    return uv


def _install_uv() -> None:
    """Install uv from a lock file of its own: pip requires all hashes of a file or none."""
    lock = (ROOT / "requirements-dev.txt").read_text()
    [pin] = re.findall(r"^uv==.*(?:\n +--hash=.*)+", lock, re.MULTILINE)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(pin)
        file.flush()
        _run(*_PIP, "install", "--quiet", "--require-hashes", "--requirement", file.name)


def _lock(file: str, *options: str) -> None:
    """Write a lock file without index URLs: users install from the index they have configured."""
    command = ("--custom-compile-command", "make lock")
    _uv("compile", "--universal", "--generate-hashes", *command, *options, "--output-file", file)


def _uv(command: str, *options: str) -> None:
    uv = Path(sys.executable).with_name("uv")
    environment = {**uv_environment(), "VIRTUAL_ENV": sys.prefix}
    _run(str(uv), "pip", command, "--quiet", *options, environment=environment)


def _run(*command: str, environment: Mapping[str, str] | None = None) -> None:
    """Run a package manager. If it fails, exit with one line: the error, its cause and the fix."""
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode == 0:
        return
    lines = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    errors = [line for line in lines if re.search("error|caused by", line, re.IGNORECASE)] or lines
    cause = " ".join(dict.fromkeys([errors[0], errors[-1]])) if errors else f"{command[0]} died"
    sys.exit(
        f"{cause.rstrip('.')}: check the network and the package index "
        "(pip config list, npm config list), then run make again"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
