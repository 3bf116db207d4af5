"""Assembles the Lambda asset: the handler's modules and crhelper's, copied from where they lie.

Without Docker, pip and network; and since only the `*.py` are copied, with fixed modes, the asset
is the same on every machine, umask and kind of installation.
"""

import importlib.util
import shutil
from pathlib import Path
from typing import Any, Final

import aws_cdk as cdk
import jsii
from aws_cdk import aws_lambda as lambda_

CRHELPER_VERSION: Final = "2.0.12"
"""What pyproject.toml requires too: another version would make another asset."""

_HANDLER: Final = Path(__file__).resolve().parent / "lambda_handler"


def handler_code() -> lambda_.Code:
    """The asset, staged at synth.

    Raises:
        RuntimeError: crhelper is missing, or is not `CRHELPER_VERSION` (through jsii, which keeps
            the message).
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
        """Always True or an exception: after a False, CDK would look for Docker."""
        for package in (_HANDLER, _crhelper()):
            _copy_modules(package, Path(output_dir) / package.name)
        return True


def _crhelper() -> Path:
    """The folder of the installed crhelper, which is found without importing it."""
    spec = importlib.util.find_spec("crhelper")
    if spec is None or spec.origin is None:
        raise RuntimeError(
            f"crhelper is not installed: run pip install crhelper=={CRHELPER_VERSION}"
        )
    from importlib import metadata  # here: it is a third of this package's own import

    installed = metadata.version("crhelper")
    if installed != CRHELPER_VERSION:
        raise RuntimeError(
            f"crhelper {installed} is installed, but the function is made of "
            f"{CRHELPER_VERSION}: run pip install crhelper=={CRHELPER_VERSION}"
        )
    return Path(spec.origin).parent


def _copy_modules(source: Path, target: Path) -> None:
    target.mkdir()
    target.chmod(0o755)
    for module in source.glob("*.py"):
        shutil.copyfile(module, target / module.name)
        (target / module.name).chmod(0o644)
