"""Benchmarks of CDK apps: the synthesis, its templates, and the import of the construct."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from bench import handlers
from bench.compare import Result, alternate, compared, digits, spread
from handler_testing.node_runtime import PATH

NAMES = {
    "ours": "this construct",
    "bare": "CustomResource alone",
    "aws_custom_resource": "AwsCustomResource",
    "native": "CfnClientCertificate (no PEM)",
}
COUNT = 60
PACKAGE = Path(__file__).parents[1] / "constructs/cdk_apigateway_client_certificate"


def synth(rounds: int) -> Result:
    """Whole processes that synthesize a stack with 1 and with 60 certificates."""
    seconds = alternate(
        {
            f"{name} {count}": partial(_synthesize, name, count)
            for name in NAMES
            for count in (1, COUNT)
        },
        rounds,
    )
    one = {title: seconds[f"{name} 1"] for name, title in NAMES.items()}
    all_of_them = {title: seconds[f"{name} {COUNT}"] for name, title in NAMES.items()}
    further = {
        title: [
            (many - first) / (COUNT - 1) * 1000
            for many, first in zip(all_of_them[title], one[title], strict=True)
        ]
        for title in NAMES.values()
    }
    return Result(
        {
            "1 certificate": compared(one, "s"),
            f"{COUNT} certificates": compared(all_of_them, "s"),
            "each further one": {title: f"{spread(taken)} ms" for title, taken in further.items()},
        },
        {title: median(taken) for title, taken in all_of_them.items()},
    )


def _synthesize(name: str, count: int) -> float:
    folder = handlers.WORKSPACE / "synth"
    shutil.rmtree(folder, ignore_errors=True)
    started = time.monotonic()
    handlers.run_app(name, count, folder)
    return time.monotonic() - started


def templates(_rounds: int) -> Result:
    """Resources and bytes in the template, the same on every machine."""
    columns: dict[str, dict[str, str]] = {
        "resources, 1 certificate": {}, "each further one": {}, "bytes, each further one": {},
    }  # fmt: skip
    for name, title in NAMES.items():
        one, many = (_template(name, count) for count in (1, COUNT))
        first, resources = len(one["Resources"]), len(many["Resources"])
        size = len(_compact(many)) - len(_compact(one))
        for column, value in zip(
            columns.values(),
            (first, (resources - first) / (COUNT - 1), size / (COUNT - 1)),
            strict=True,
        ):
            column[title] = digits(value)
    return Result(columns)


def _template(name: str, count: int) -> dict[str, Any]:
    folder = handlers.synthesize(name, count)
    template: dict[str, Any] = json.loads((folder / "Certificates.template.json").read_text())
    return template


def _compact(template: dict[str, Any]) -> str:
    return json.dumps(template, separators=(",", ":"))


def import_time(rounds: int) -> Result:
    """Whole processes that import the construct, or only the modules of CDK that it imports."""
    imports = re.compile(r"^(?:import|from) (?:aws_cdk|constructs|jsii)\b.*$", re.MULTILINE)
    lines = {line for path in PACKAGE.glob("*.py") for line in imports.findall(path.read_text())}
    statements = {
        "this construct": "import cdk_apigateway_client_certificate",
        "the modules that it imports": "\n".join(sorted(lines)),
        "aws_cdk alone": "import aws_cdk",
    }
    contenders = {name: partial(_run, code) for name, code in statements.items()}
    return Result({"time": compared(alternate(contenders, rounds), "s")})


def _run(code: str) -> float:
    environment = {**os.environ, "PATH": PATH}
    started = time.monotonic()
    command = [sys.executable, "-c", code]
    subprocess.run(command, env=environment, check=True, stderr=subprocess.DEVNULL)
    return time.monotonic() - started
