"""Build what a release publishes into dist/, and check it: `make release-check`.

Usage: python -m tools.release_check [--update]

With --update, it writes tools/release-contents.txt anew: read the diff before you commit it. If the
environment variable RELEASE_TAG is set, the version must be that of this git tag.
"""

import argparse
import difflib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Final

from cdk_apigateway_client_certificate._handler_code import CRHELPER_VERSION
from cdk_apigateway_client_certificate._version import __version__
from tools.packages import AWS_CDK_LIB_LAST, uv_environment
from tools.sbom import bill_of_materials

ROOT: Final = Path(__file__).resolve().parents[1]
DIST: Final = ROOT / "dist"
CONTENTS: Final = ROOT / "tools" / "release-contents.txt"
NAME: Final = "cdk-apigateway-client-certificate"


def main() -> None:
    parser = argparse.ArgumentParser(prog="make release-check")
    parser.add_argument("--update", action="store_true")
    arguments = parser.parse_args()
    check_tag(os.environ.get("RELEASE_TAG"), __version__)

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        shutil.rmtree(DIST, ignore_errors=True)
        wheel, sdist = _build(ROOT, DIST)
        _check_reproducible(folder)
        _run("twine", "check", "--strict", wheel, sdist)
        assets = [
            _synthesize(distribution, folder / distribution.suffix.lstrip("."))
            for distribution in (wheel, sdist)
        ]
        if assets[0].name != assets[1].name:
            sys.exit(f"wheel and sdist give different assets: {assets[0].name}, {assets[1].name}")
        _check_contents(_contents(wheel, sdist, assets[0]), update=arguments.update)
        asset_hash = assets[0].name.removeprefix("asset.")
    committed = datetime.fromisoformat(_run("git", "log", "-1", "--format=%cI").strip())
    sbom = DIST / f"{wheel.name.split('-py3')[0]}.cdx.json"
    sbom.write_text(bill_of_materials((NAME, __version__), CRHELPER_VERSION, asset_hash, committed))
    for path in sorted(DIST.iterdir()):
        print(f"{_sha256(path)}  dist/{path.name}")


def check_tag(tag: str | None, version: str) -> None:
    """Check the tag that a release is made from, if one is.

    Raises:
        SystemExit: The tag is not that of the version, or the version is not one to release.
    """
    if tag and tag != f"v{version}":
        sys.exit(f"tag {tag!r} is not v{version}: change _version.py or the tag")
    if tag and "dev" in version:
        sys.exit(f"{version} is a version between releases: set the next one in _version.py")


def _build(source: Path, target: Path, *options: str, umask: int = -1) -> tuple[Path, Path]:
    """Build wheel and sdist; the wheel from the sdist, unless the options say otherwise."""
    build = (sys.executable, "-m", "build", "--no-isolation")
    _run(*build, *options, "--outdir", target, source, umask=umask)
    [wheel], [sdist] = target.glob("*.whl"), target.glob("*.tar.gz")
    return wheel, sdist


def _check_reproducible(folder: Path) -> None:
    """Build again, here and in a clone that only its owner can read; the wheel not from the sdist.

    A clone contains what is committed, which is what a release consists of.
    """
    clone = folder / "elsewhere" / "clone"
    _run("git", "clone", "--quiet", ROOT, clone, umask=0o077)
    both = ("--sdist", "--wheel")
    _build(ROOT, folder / "again", *both)
    _build(clone, folder / "clone", *both, umask=0o077)
    for path in DIST.iterdir():
        for other in ("again", "clone"):
            if _sha256(path) != _sha256(folder / other / path.name):
                sys.exit(
                    f"{path.name} has other bytes in the second build ({other}): commit all "
                    "changes, or find what the build takes from outside the repository"
                )


def _synthesize(distribution: Path, folder: Path) -> Path:
    """Install a distribution in an empty environment, synthesize an app, return its asset."""
    folder.mkdir()
    environment = {**uv_environment(), "VIRTUAL_ENV": str(folder / "venv")}
    environment.pop("PYTHONPATH", None)
    _run("uv", "venv", "--quiet", "--python", sys.executable, folder / "venv")
    pip = ("uv", "pip", "install", "--quiet")
    locked = ("--require-hashes", "--requirement", ROOT / "requirements.txt")
    _run(*pip, *locked, environment=environment)
    _run(*pip, *locked, *AWS_CDK_LIB_LAST, environment=environment)
    build = ("--build-constraints", ROOT / "requirements-dev.txt")
    _run(*pip, "--no-deps", *build, distribution, environment=environment)

    shutil.copy(ROOT / "examples" / "minimal.py", folder / "app.py")
    environment["CDK_OUTDIR"] = str(folder / "cdk.out")
    _run(folder / "venv/bin/python", "app.py", folder=folder, environment=environment)
    template = json.loads((folder / "cdk.out" / "Minimal.template.json").read_text())
    functions = [
        it for it in template["Resources"].values() if it["Type"] == "AWS::Lambda::Function"
    ]
    [description] = [it["Properties"]["Description"] for it in functions]
    if not description.startswith(f"{NAME} {__version__}: "):
        sys.exit(f"{distribution.name}: the function's description is {description!r}")
    [asset] = (folder / "cdk.out").glob("asset.*")
    return asset


def _contents(wheel: Path, sdist: Path, asset: Path) -> str:
    """Return the files of the three, a line each, without the version."""
    with tarfile.open(sdist) as archive:
        names = [f"sdist/{it.name.partition('/')[2]}" for it in archive if it.isfile()]
    names += [f"wheel/{name}" for name in zipfile.ZipFile(wheel).namelist()]
    names += [f"asset/{path.relative_to(asset)}" for path in asset.rglob("*") if path.is_file()]
    return "".join(f"{name.replace(__version__, '<version>')}\n" for name in sorted(names))


def _check_contents(contents: str, *, update: bool) -> None:
    if update:
        CONTENTS.write_text(contents)
    expected = CONTENTS.read_text()
    if contents != expected:
        lines = difflib.unified_diff(expected.splitlines(), contents.splitlines(), lineterm="", n=0)
        changed = [line for line in lines if not line.startswith(("---", "+++", "@@"))]
        sys.exit(
            "\n".join(changed)
            + "\nwhat a release contains is not what tools/release-contents.txt lists: if that is "
            "meant, run make release-check ARGS=--update and commit the file"
        )


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _run(
    *command: str | Path,
    folder: Path = ROOT,
    environment: dict[str, str] | None = None,
    umask: int = -1,
) -> str:
    """Run a command and return what it prints. If it fails, exit with that."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment or dict(os.environ),
        umask=umask,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        sys.exit(f"{done.stdout}{' '.join(map(str, command))} failed")
    return done.stdout


if __name__ == "__main__":
    main()
