"""Writes results into docs/benchmarks.md, each below the heading that names its benchmark."""

import os
import platform
import re
import subprocess
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Final

from tabulate import tabulate

from bench.compare import Result
from handler_testing.node_runtime import NODE

PAGE: Final = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"
_OURS, _FASTER, _SLOWER = "#1f5fbf", "#4f9d69", "#d98c3f"


def table(result: Result, rounds: int) -> str:
    """Return a result in Markdown, and say what it was measured with."""
    names = list(dict.fromkeys(name for column in result.columns.values() for name in column))
    rows = [[name, *(column.get(name, "") for column in result.columns.values())] for name in names]
    cells = tabulate(rows, headers=["", *result.columns], tablefmt="github", disable_numparse=True)
    node = subprocess.run([NODE / "node", "--version"], capture_output=True, text=True)
    packages = [f"{name} {version(name)}" for name in ("aws-cdk-lib", "boto3", "crhelper")]
    machine = f"{os.cpu_count()} processors ({platform.machine()})"
    python = f"Python {platform.python_version()}, Node.js {node.stdout.strip().removeprefix('v')}"
    median = f"Median of {rounds} rounds, with quartiles. " if rounds > 1 else ""
    return f"{cells}\n\n{median}{machine}, {python}, {', '.join(packages)}."


def write(name: str, text: str) -> None:
    """Replace a benchmark's table in the page.

    Raises:
        ValueError: The page has no place for it.
    """
    begin, end = f"<!-- {name} -->\n", f"\n<!-- end of {name} -->"
    place = re.compile(f"(?<={re.escape(begin)}).*?(?={re.escape(end)})", re.DOTALL)
    page, count = place.subn(lambda _: text, PAGE.read_text())
    if count != 1:
        raise ValueError(f"{PAGE.name} contains {begin!r} and {end!r} {count} times, not once")
    PAGE.write_text(page)


def draw(name: str, seconds: Mapping[str, float]) -> None:
    """Draw a bar for each contender, the fastest first, and compare each with this construct."""
    import matplotlib as mpl

    # Fixed IDs and text as text: a change of a figure is a change of a few lines of the file.
    mpl.rcParams.update({"svg.hashsalt": "bench", "svg.fonttype": "none"})
    from matplotlib.figure import Figure

    ours = next(iter(seconds.values()))
    bars = sorted(seconds.items(), key=lambda bar: bar[1])
    figure = Figure(figsize=(8, 0.5 + 0.45 * len(bars)), layout="constrained", facecolor="white")
    axes = figure.subplots()
    drawn = axes.barh(
        [label for label, _ in bars],
        [value for _, value in bars],
        color=[_OURS if it == ours else _FASTER if it < ours else _SLOWER for _, it in bars],
    )
    axes.bar_label(drawn, [_label(value, ours) for _, value in bars], padding=4)
    axes.margins(x=0.5)
    axes.set_xlim(left=0)
    axes.invert_yaxis()
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.xaxis.set_visible(False)
    target = PAGE.with_name(f"benchmarks-{name}.svg")
    figure.savefig(target, format="svg", metadata={"Date": None})


def _label(value: float, ours: float) -> str:
    ratio = value / ours
    if value == ours:
        return f"{value:.2f} s"
    return f"{value:.2f} s, {abs(1 - ratio):.0%} {'less' if ratio < 1 else 'more'} time"
