"""Plots of the measured rows: seconds, with this construct highlighted among its peers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.measure import Figure

_OURS, _FASTER, _SLOWER = "#1f5fbf", "#4f9d69", "#d98c3f"


@dataclass(frozen=True)
class Chart:
    """What a plot shows of a row.

    Attributes:
        title: The title of the plot.
        labels: The label of each bar by the subject of its figure; the first one is ours.
    """

    title: str
    labels: Mapping[str, str]


CHARTS: Final = {
    "cold_start": Chart(
        "Cold start: seconds until the first call to API Gateway",
        {
            "ours": "this construct",
            "floor": "boto3 alone",
            "plain crhelper": "crhelper as in its README",
            "AwsCustomResource": "AwsCustomResource (Node.js)",
        },
    ),
    "create": Chart(
        "Create with a cold start: seconds until CloudFormation has the response",
        {
            "ours": "this construct",
            "plain crhelper": "crhelper as in its README",
            "Provider": "CDK's Provider framework",
            "AwsCustomResource": "AwsCustomResource (Node.js)",
        },
    ),
    "synth": Chart(
        "Synthesis of a stack with 60 certificates: seconds",
        {
            "ours 60": "this construct",
            "bare 60": "CustomResource alone",
            "aws_custom_resource 60": "AwsCustomResource",
            "native 60": "CfnClientCertificate (without the PEM)",
        },
    ),
}


def draw(chart: Chart, figures: Sequence[Figure], target: Path) -> None:
    """Draw a bar for each label, slowest last, and say how each peer compares with ours."""
    import matplotlib as mpl

    # Fixed IDs and text as text: a change of a figure is a change of a few lines of the file.
    mpl.rcParams.update({"svg.hashsalt": "bench", "svg.fonttype": "none"})
    from matplotlib.figure import Figure as Canvas

    wall = {it.subject: it for it in figures if it.measure == "wall"}
    seconds = {label: _seconds(wall, subject) for subject, label in chart.labels.items()}
    ours = next(iter(seconds.values()))
    bars = sorted(seconds.items(), key=lambda bar: bar[1])
    canvas = Canvas(figsize=(8, 1 + 0.45 * len(bars)), layout="constrained", facecolor="white")
    axes = canvas.subplots()
    drawn = axes.barh(
        [label for label, _ in bars],
        [value for _, value in bars],
        color=[_color(value, ours) for _, value in bars],
    )
    axes.bar_label(drawn, [_comparison(value, ours) for _, value in bars], padding=4)
    axes.margins(x=0.35)
    axes.set_xlim(left=0)
    axes.invert_yaxis()
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.xaxis.set_visible(False)
    canvas.suptitle(chart.title, x=0.01, ha="left", fontsize=11, fontweight="bold")
    canvas.savefig(target, format="svg", metadata={"Date": None})


def _seconds(wall: Mapping[str, Figure], subject: str) -> float:
    """Return the median of a subject, which may be stored as a ratio to another one."""
    figure = wall[subject]
    if figure.unit == "s":
        return figure.value
    return figure.value * _seconds(wall, figure.unit.removeprefix("times "))


def _color(value: float, ours: float) -> str:
    if value == ours:
        return _OURS
    return _FASTER if value < ours else _SLOWER


def _comparison(value: float, ours: float) -> str:
    if value == ours:
        return f"{value:.2f} s"
    ratio = value / ours
    if round(ratio, 2) == 1:
        return f"{value:.2f} s, as fast"
    return f"{value:.2f} s, {abs(1 - ratio):.0%} {'less' if ratio < 1 else 'more'} time"
