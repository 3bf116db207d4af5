"""Assembles the Lambda asset from the modules of the handler and of the installed crhelper.

It needs no Docker, pip or network. Only the `*.py` files and the notices are copied, with fixed
modes, so the asset is the same on every machine, with every umask and kind of installation.
"""

import importlib.util
import shutil
from pathlib import Path
from typing import Any, Final

import aws_cdk as cdk
import jsii
from aws_cdk import aws_lambda as lambda_

CRHELPER_VERSION: Final = "2.0.12"
"""pyproject.toml requires the same: another version would change the asset."""

_HANDLER: Final = Path(__file__).resolve().parent / "lambda_handler"

_NOTICES: Final = "THIRD_PARTY_NOTICES.txt"


def handler_code() -> lambda_.Code:
    """Return the asset, which is assembled at synth.

    Raises:
        RuntimeError: crhelper is not installed, or its version is not `CRHELPER_VERSION`. Raised
            through jsii, which keeps the message.
    """
    return lambda_.Code.from_asset(
        str(_HANDLER),
        asset_hash_type=cdk.AssetHashType.OUTPUT,
        bundling=cdk.BundlingOptions(
            image=cdk.DockerImage.from_registry("never-used"), local=_LocalBundling()
        ),
    )


@jsii.implements(cdk.ILocalBundling)
class _LocalBundling:
    def try_bundle(self, output_dir: str, *_args: Any, **_options: Any) -> bool:
        """Return True, or raise: CDK would look for Docker if this returned False."""
        for package in (_HANDLER, _crhelper()):
            _copy_package(package, Path(output_dir) / package.name)
        _copy_file(_HANDLER / _NOTICES, Path(output_dir) / _NOTICES)
        return True


def _crhelper() -> Path:
    """Return the folder of the installed crhelper, without importing it."""
    spec = importlib.util.find_spec("crhelper")
    if spec is None or spec.origin is None:
        raise RuntimeError(
            f"crhelper is not installed: run pip install crhelper=={CRHELPER_VERSION}"
        )
    from importlib import metadata  # not at the top: it takes a third of this package's import

    installed = metadata.version("crhelper")
    if installed != CRHELPER_VERSION:
        raise RuntimeError(
            f"crhelper {installed} is installed, but the function needs "
            f"{CRHELPER_VERSION}: run pip install crhelper=={CRHELPER_VERSION}"
        )
    return Path(spec.origin).parent


def _copy_package(source: Path, target: Path) -> None:
    """Copy the modules of a package and of its subpackages."""
    target.mkdir()
    target.chmod(0o755)
    for path in source.iterdir():
        if path.suffix == ".py":
            _copy_file(path, target / path.name)
        elif (path / "__init__.py").is_file():
            _copy_package(path, target / path.name)


def _copy_file(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
    target.chmod(0o644)
