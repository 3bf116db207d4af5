"""Row 6: synthesizing apps with 1 to 200 certificates, and what stands in their templates."""

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from bench import contenders
from bench.measure import Figure, alternate, figure, ratios

TITLE = "Synth: whole processes; and the templates that come out"
ROUNDS = 7
COUNTS = (1, 10, 60, 200)


def run(rounds: int) -> list[Figure]:
    """Times as ratios to the same app with an empty stack; bytes and resources a certificate."""
    return [*_templates(), *_times(rounds)]


def template(name: str, count: int) -> dict[str, Any]:
    """The template of a stack with so many certificates."""
    folder = contenders.synthesized(name, count)
    read: dict[str, Any] = json.loads((folder / "Certificates.template.json").read_text())
    return read


def further(name: str) -> tuple[float, float]:
    """Resources and bytes of the template that each further certificate costs."""
    one, more = template(name, 1), template(name, 11)
    resources = len(more["Resources"]) - len(one["Resources"])
    return resources / 10, (len(_compact(more)) - len(_compact(one))) / 10


def _compact(document: Any) -> str:
    return json.dumps(document, separators=(",", ":"))


def _templates() -> list[Figure]:
    names = {
        "ours": "ours",
        "bare": "bare CustomResource",
        "aws_custom_resource": "AwsCustomResource",
        "native": "native L1",
    }
    costs = {name: further(name) for name in names}
    figures = []
    for name, title in names.items():
        resources, size = costs[name]
        first = len(template(name, 1)["Resources"])
        less = size < costs["aws_custom_resource"][1]
        goals: dict[str, Any] = {"goal": "below AwsCustomResource", "met": less}
        one: dict[str, Any] = {"goal": "1", "met": resources == 1}
        own = name == "ours"
        figures += [
            Figure(title, "resources with 1 certificate", first),
            Figure(title, "resources a further one", resources, **(one if own else {})),
            Figure(title, "template bytes a further one", size, **(goals if own else {})),
        ]
    return figures


def _times(rounds: int) -> list[Figure]:
    competing = [("empty", 0), ("bare", 1), ("native", 1), ("aws_custom_resource", 1)]
    competing += [("ours", count) for count in COUNTS]
    competing += [(name, 60) for name in ("bare", "native", "aws_custom_resource")]
    walls = alternate({f"{n} {c}": partial(_synth, n, c) for n, c in competing}, rounds)
    empty = walls["empty 0"]
    unit = "times an empty stack"
    figures = [
        figure(
            "ours, 1 certificate",
            "wall",
            ratios(walls["ours 1"], walls["bare 1"]),
            "times bare, 1 certificate",
            at_most=1.05,
        ),
        figure("an empty stack", "wall", empty, "s"),
    ]
    for name, taken in walls.items():
        if name != "empty 0":
            figures.append(figure(f"{name}", "wall", ratios(taken, empty), unit))
    return figures + _further_times(walls)


def _further_times(walls: dict[str, list[float]]) -> list[Figure]:
    """What a further certificate costs: the slope between 1 and 60."""
    slopes = {
        name: [
            (many - one) / 59 * 1000
            for one, many in zip(walls[f"{name} 1"], walls[f"{name} 60"], strict=True)
        ]
        for name in ("ours", "bare", "native", "aws_custom_resource")
    }
    less = median(slopes["ours"]) < median(slopes["aws_custom_resource"])
    figures = [figure(name, "wall a further one", taken, "ms") for name, taken in slopes.items()]
    linear = [
        (many - some) / 140 * 1000 / slope
        for many, some, slope in zip(
            walls["ours 200"], walls["ours 60"], slopes["ours"], strict=True
        )
    ]
    figures[0] = replace(figures[0], goal="below AwsCustomResource", met=less)
    return [
        *figures,
        figure("ours, 60 to 200", "wall a further one", linear, "times that of 1 to 60"),
    ]


def _synth(name: str, count: int) -> float:
    folder = contenders.workspace() / "synth"
    shutil.rmtree(folder, ignore_errors=True)
    started = time.monotonic()
    subprocess.run(
        [sys.executable, str(contenders.PEERS / "app.py"), name, str(count), str(folder)],
        env={**os.environ, "PATH": contenders.TOOLS},
        check=True,
        stderr=subprocess.DEVNULL,
    )
    assert Path(folder, "Certificates.template.json").exists()
    return time.monotonic() - started
