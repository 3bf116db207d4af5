"""Run `make install` with missing, wrong, broken or partly installed tools."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOWHERE = "http://127.0.0.1:9/simple"


def make(folder: Path, *arguments: str, **env: str) -> tuple[int, list[str]]:
    """Run make without this checkout's environment, and return its status and output lines."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    inherited.pop("VIRTUAL_ENV", None)
    inherited["PATH"] = f"{Path(sys.base_prefix) / 'bin'}:/usr/bin:/bin"
    done = subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=folder,
        env={**inherited, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    return done.returncode, done.stdout.splitlines()


def is_installed(folder: Path) -> bool:
    status, _ = make(folder, "--question", ".venv/.installed")
    return status == 0


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a copy of the files that an installation needs, like a fresh clone."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    for path in ROOT.iterdir():
        if path.is_file() and path.name != ".git":
            shutil.copy(path, folder)
    for name in ("constructs", "lambda_handler", "tools"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, folder / name, symlinks=True, ignore=ignored)
    return folder


def test_missing_python_prints_one_line(checkout: Path) -> None:
    status, (message, make_error) = make(checkout, "install", "PYTHON=python3.99")
    assert status != 0
    assert message == (
        "no python3.99 on PATH: install Python 3.11 or newer, "
        "or name one: make PYTHON=/path/to/python3"
    )
    assert make_error.startswith("make: ***")


def test_old_python_prints_one_line(checkout: Path) -> None:
    python = checkout / "python3.9"
    python.write_text(
        f'#!/bin/sh\nexec {sys.executable} -c "import sys; sys.version_info = (3, 9, 2)\n$2"\n'
    )
    python.chmod(0o755)
    status, (message, make_error) = make(checkout, "install", f"PYTHON={python}")
    assert status != 0
    assert message == (
        f"{python} is Python 3.9, too old: install 3.11 or newer, "
        "or name one: make PYTHON=/path/to/python3"
    )
    assert make_error.startswith("make: ***")


def test_unreachable_index_prints_one_line(checkout: Path) -> None:
    unreachable = {"PIP_INDEX_URL": NOWHERE, "PIP_RETRIES": "0", "PIP_CONFIG_FILE": os.devnull}
    status, (_, message, make_error) = make(checkout, "install", **unreachable)
    assert status != 0
    assert "uv==" in message
    assert message.endswith(
        "check the network and the package index (pip config list, npm config list), "
        "then run make again"
    )
    assert make_error.startswith("make: ***")


def test_next_make_repairs_an_installation(checkout: Path) -> None:
    # Let the network fail after pip has installed uv.
    interrupted = {"UV_DEFAULT_INDEX": NOWHERE, "UV_HTTP_RETRIES": "0", "UV_NO_CACHE": "1"}
    status, (_, message, _) = make(checkout, "install", **interrupted)
    assert status != 0
    assert message.endswith("then run make again")
    assert (checkout / ".venv/bin/uv").exists()
    assert not is_installed(checkout)

    status, output = make(checkout, "install")
    assert (status, output) == (0, ["installing the locked packages into .venv and node_modules"])
    assert is_installed(checkout)
    assert make(checkout, "install") == (0, ["make: Nothing to be done for 'install'."])

    for broken in (".venv/bin/python3", "node_modules/.bin/cdk"):
        stamp = (checkout / ".venv/.installed").read_text()
        (checkout / broken).rename(checkout / "removed")
        assert not is_installed(checkout), broken
        (checkout / "removed").rename(checkout / broken)
        (checkout / ".venv/.installed").write_text(stamp)
        assert is_installed(checkout)

    [metadata] = checkout.glob(".venv/lib/python*/site-packages/botocore-*.dist-info")
    shutil.rmtree(metadata)
    assert not is_installed(checkout)


def test_moved_checkout_is_installed_again(checkout: Path) -> None:
    """Scripts in .venv/bin start with the absolute path of their Python."""
    (checkout / ".venv/bin").mkdir(parents=True)
    (checkout / "node_modules/.bin").mkdir(parents=True)
    for script in (".venv/bin/uv", "node_modules/.bin/cdk"):
        (checkout / script).write_text("#!/bin/sh\n")
        (checkout / script).chmod(0o755)
    (checkout / ".venv/.installed").write_text(f"{checkout}\n")
    assert is_installed(checkout)
    moved = checkout.rename(checkout.with_name("moved"))
    assert not is_installed(moved)
