"""Row 10: importing the construct, beside importing the `aws_cdk` modules that it needs."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

from bench.contenders import TOOLS
from bench.measure import Figure, alternate, figure, ratios

TITLE = "Import of `cdk_apigateway_client_certificate`"
ROUNDS = 10

_PACKAGE = Path(__file__).parents[1] / "constructs/cdk_apigateway_client_certificate"
_THEIRS = re.compile(r"^(?:import|from) (?:aws_cdk|constructs|jsii)\b.*$", re.MULTILINE)


def run(rounds: int) -> list[Figure]:
    """Wall time of whole processes: jsii's kernel, a process of its own, starts with the import."""
    needed = {line for path in _PACKAGE.glob("*.py") for line in _THEIRS.findall(path.read_text())}
    walls = alternate(
        {
            "ours": lambda: _run("import cdk_apigateway_client_certificate"),
            "needed": lambda: _run("\n".join(sorted(needed))),
            "nothing": lambda: _run("import aws_cdk"),
        },
        rounds,
    )
    base = "times the modules it needs"
    return [
        figure("ours", "wall", ratios(walls["ours"], walls["needed"]), base, at_most=1.05),
        figure("import aws_cdk", "wall", ratios(walls["nothing"], walls["needed"]), base),
        figure("the modules it needs", "wall", walls["needed"], "s"),
    ]


def _run(code: str) -> float:
    started = time.monotonic()
    subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PATH": TOOLS},
        check=True,
        stderr=subprocess.DEVNULL,
    )
    return time.monotonic() - started
