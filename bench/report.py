"""Where the figures go: docs/benchmarks.json, the tables in docs/benchmarks.md, and plots."""

import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from bench import plots
from bench.measure import Figure

_DOCS: Final = Path(__file__).resolve().parents[1] / "docs"
_JSON: Final = _DOCS / "benchmarks.json"
_MARKDOWN: Final = _DOCS / "benchmarks.md"
_BEGIN: Final = "<!-- made by `make bench` from benchmarks.json: begin -->"
_END: Final = "<!-- made by `make bench` from benchmarks.json: end -->"
_PACKAGES: Final = ("aws-cdk-lib", "boto3", "crhelper")


@dataclass(frozen=True)
class Result:
    """One row of the benchmarks, measured."""

    name: str
    number: int
    title: str
    rounds: int
    figures: Sequence[Figure]


def section(result: Result) -> str:
    """A result in Markdown."""
    rounds = f" Median of {result.rounds} rounds, with quartiles." if result.rounds > 1 else ""
    lines = [
        f"### {result.number}. {result.title}",
        "",
        f"`python -m bench {result.name}`.{rounds}",
        "",
        "| | what | figure | goal |",
        "|---|---|---|---|",
    ]
    for it in result.figures:
        spread = "" if it.low is None or it.high is None else f" ({_n(it.low)} to {_n(it.high)})"
        verdict = {None: "", True: f"{it.goal}: met", False: f"{it.goal}: **missed**"}[it.met]
        lines.append(
            f"| {it.subject} | {it.measure} | {_n(it.value)}{spread} {it.unit} | {verdict} |"
        )
    if result.name in plots.CHARTS:
        lines += ["", f"![{result.title}](benchmarks-{result.name}.svg)"]
    return "\n".join([*lines, ""])


def _n(value: float) -> str:
    """A number as people read it: counts whole, others with three digits that count."""
    if value == int(value):
        return f"{int(value):,}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def write(result: Result) -> None:
    """Put a result in the place of its last one; such of another machine are dropped."""
    machine = _machine()
    former: dict[str, Any] = json.loads(_JSON.read_text()) if _JSON.exists() else {}
    rows = former.get("rows", {}) if former.get("machine") == machine else {}
    rows[result.name] = asdict(result)
    ordered = dict(sorted(rows.items(), key=lambda row: row[1]["number"]))
    _JSON.write_text(
        json.dumps({"machine": machine, "rows": ordered}, indent=1, ensure_ascii=False) + "\n"
    )
    draw(result)
    results = [_read(row) for row in ordered.values()]
    _MARKDOWN.write_text(_with(_MARKDOWN.read_text(), _tables(machine, results)))


def draw(result: Result) -> None:
    """Draw the plot of a result that has one."""
    if chart := plots.CHARTS.get(result.name):
        plots.draw(chart, result.figures, _DOCS / f"benchmarks-{result.name}.svg")


def redraw() -> None:
    """Draw all plots from the figures in benchmarks.json."""
    for row in json.loads(_JSON.read_text())["rows"].values():
        draw(_read(row))


def _read(row: dict[str, Any]) -> Result:
    return Result(**{**row, "figures": [Figure(**it) for it in row["figures"]]})


def _tables(machine: dict[str, str], results: Sequence[Result]) -> str:
    about = "; ".join(f"{name} {value}" for name, value in machine.items())
    return "\n".join([f"Measured with: {about}.", "", *map(section, results)])


def _with(document: str, tables: str) -> str:
    """The document with these tables between its marks."""
    marks = re.compile(f"{re.escape(_BEGIN)}.*{re.escape(_END)}", re.DOTALL)
    return marks.sub(lambda _: f"{_BEGIN}\n{tables}\n{_END}", document)


def _machine() -> dict[str, str]:
    node = subprocess.run(
        [Path(sys.executable).parent / "node", "--version"], capture_output=True, text=True
    )
    return {
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors",
        "Python": platform.python_version(),
        "Node": node.stdout.strip().removeprefix("v"),
        **{name: version(name) for name in _PACKAGES},
    }
