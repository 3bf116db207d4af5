"""Plots of the measured rows, as SVG, so that a change of a figure is a change of a few lines."""

from collections.abc import Sequence
from pathlib import Path

from bench.measure import Figure


def bars(title: str, figures: Sequence[Figure], target: Path) -> None:
    """One bar a figure, with its quartiles; all of one unit."""
    import matplotlib as mpl

    # Else the IDs in the file would be other ones each time.
    mpl.rcParams["svg.hashsalt"] = "bench"
    from matplotlib.figure import Figure as Canvas

    canvas = Canvas(figsize=(7, 0.6 + 0.4 * len(figures)), layout="constrained")
    axes = canvas.subplots()
    values = [it.value for it in figures]
    below = [it.value - (it.low or it.value) for it in figures]
    above = [(it.high or it.value) - it.value for it in figures]
    axes.barh([it.subject for it in figures], values, xerr=[below, above], capsize=3)
    axes.invert_yaxis()
    axes.set_xlabel(f"{figures[0].measure}, {figures[0].unit}")
    axes.set_title(title, fontsize=10)
    canvas.savefig(target, format="svg", metadata={"Date": None})
