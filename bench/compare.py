"""Comparisons on a machine that others use too: contenders alternate, and ratios are of one round.

Tools such as pyperf and hyperfine measure one contender after the other, so other load on the
machine decides between them. What runs right after each other shares that load.
"""

import os
import random
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import TypeVar

T = TypeVar("T")

Column = dict[str, str]
"""The cells of a table's column, by the contender in whose row they are."""


@dataclass(frozen=True)
class Result:
    """What a benchmark found.

    Attributes:
        columns: The columns of its table, by heading.
        seconds: The bars of its plot, by contender; the first one is this construct.
    """

    columns: Mapping[str, Column]
    seconds: Mapping[str, float] | None = None


def alternate(contenders: Mapping[str, Callable[[], T]], rounds: int) -> dict[str, list[T]]:
    """Return what each contender returned in each round.

    Each round has another order, because a contender finds the caches that the last one filled. A
    round that warms up the machine is discarded.
    """
    results: dict[str, list[T]] = {name: [] for name in contenders}
    order = random.Random(1)
    for number in range(-1, rounds):
        for name in order.sample(list(contenders), len(contenders)):
            result = contenders[name]()
            if number >= 0:
                results[name].append(result)
    return results


def compared(values: Mapping[str, Sequence[float]], unit: str) -> Column:
    """Return each contender's median, and the median and quartiles of its ratio to the first."""
    first, *others = values
    cells = {first: f"{digits(median(values[first]))} {unit}"}
    for name in others:
        ratios = [value / base for value, base in zip(values[name], values[first], strict=True)]
        cells[name] = f"{digits(median(values[name]))} {unit}, {spread(ratios)} times"
    return cells


def spread(values: Sequence[float]) -> str:
    """Return the median and, of several values, the quartiles."""
    if len(values) == 1:
        return digits(values[0])
    low, _, high = quantiles(values, n=4)
    return f"{digits(median(values))} ({digits(low)} to {digits(high)})"


def digits(value: float) -> str:
    """Return a number with three significant digits, and a count as it is."""
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


@dataclass(frozen=True)
class Cost:
    """What a process took: seconds by the clock, seconds of processor time, and MB at its peak."""

    wall: float
    processor: float
    memory: float


def kill(process: "subprocess.Popen[bytes]", started: float) -> Cost:
    """Kill a process, and return what it took since `started`.

    An orderly exit would be measured too. `ru_maxrss` includes the memory of this process, from
    which the other one was forked; /proc does not.
    """
    wall = time.monotonic() - started
    status = Path(f"/proc/{process.pid}/status").read_text()
    [peak] = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")]
    process.kill()
    _, _, usage = os.wait4(process.pid, 0)
    process.returncode = 0
    for stream in (process.stdin, process.stdout):
        if stream:
            stream.close()
    return Cost(wall, usage.ru_utime + usage.ru_stime, int(peak) / 1024)


def compared_costs(costs: Mapping[str, Sequence[Cost]]) -> dict[str, Column]:
    """Return a column for each part of the costs."""
    return {
        "time": compared({name: [it.wall for it in taken] for name, taken in costs.items()}, "s"),
        "processor time": compared(
            {name: [it.processor for it in taken] for name, taken in costs.items()}, "s"
        ),
        "peak memory": compared(
            {name: [it.memory for it in taken] for name, taken in costs.items()}, "MB"
        ),
    }
