"""Assembles the Lambda asset: the handler's modules and crhelper's, copied from where they lie.

Without Docker, pip and network; and since only the `*.py` are copied, with fixed modes, the asset
is the same on every machine, umask and kind of installation. Prose stays behind: it is a quarter
of what would be uploaded, and then unpacked and compiled at every cold start.
"""

import importlib.metadata
import importlib.util
import io
import tokenize
from itertools import pairwise
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
    installed = importlib.metadata.version("crhelper")
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
        code = _without_prose(module.read_text(encoding="utf-8"))
        (target / module.name).write_text(code, encoding="utf-8", newline="\n")
        (target / module.name).chmod(0o644)


def _without_prose(source: str) -> str:
    """A module without docstrings and comments; each line of code keeps its number.

    So a traceback in the function's log names the lines of the source.
    """
    lines = source.splitlines()
    statement_starts = True
    for token, following in pairwise(tokenize.generate_tokens(io.StringIO(source).readline)):
        (row, column), (last, _) = token.start, token.end
        if token.type == tokenize.COMMENT:
            lines[row - 1] = lines[row - 1][:column].rstrip()
        is_statement = statement_starts and following.type == tokenize.NEWLINE
        if token.type == tokenize.STRING and is_statement:
            # Not nothing: it may be all that a class consists of. A text: __future__ may follow.
            lines[row - 1 : last] = [lines[row - 1][:column] + '""', *[""] * (last - row)]
        if token.type not in (tokenize.COMMENT, tokenize.NL):
            statement_starts = token.type in (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
    return "\n".join(lines) + "\n"
