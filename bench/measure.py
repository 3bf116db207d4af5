"""How things are compared: alternating rounds, and ratios within a round.

A clock says little on a machine that others use too. Things that are measured one right after the
other, time and again, share what goes on meanwhile, so their ratio says more than either does.
"""

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Figure:
    """One number of a table. With several rounds it is a median; `low` and `high` are quartiles."""

    subject: str
    measure: str
    value: float
    unit: str = ""
    low: float | None = None
    high: float | None = None
    goal: str = ""
    met: bool | None = None


@dataclass(frozen=True)
class Cost:
    """What a process took until it got as far as it was measured."""

    wall: float
    """Seconds."""
    cpu: float
    """Seconds of processor time, user's and system's."""
    memory: float
    """MB, at the peak."""
    faults: float
    """Pages that the kernel had to map: time that no count of instructions shows."""


def alternate(contenders: Mapping[str, Callable[[], T]], rounds: int) -> dict[str, list[T]]:
    """What each contender returned in each round; each round has an order of its own,
    since caches still hold what the one before has used.

    One round more is run first and thrown away: it fills the caches of files.
    """
    results: dict[str, list[T]] = {name: [] for name in contenders}
    order = random.Random(1)
    for turn in range(-1, rounds):
        for name in order.sample(list(contenders), len(contenders)):
            result = contenders[name]()
            if turn >= 0:
                results[name].append(result)
    return results


def figure(
    subject: str,
    measure: str,
    values: Sequence[float],
    unit: str = "",
    at_most: float | None = None,
) -> Figure:
    """The median of some rounds with its quartiles, and whether it is `at_most` what it should."""
    middle = median(values)
    low, _, high = quantiles(values, n=4) if len(values) > 1 else (None, None, None)
    if at_most is None:
        return Figure(subject, measure, middle, unit, low, high)
    return Figure(subject, measure, middle, unit, low, high, f"≤ {at_most:g}", middle <= at_most)


def ratios(values: Sequence[float], base: Sequence[float]) -> list[float]:
    """Round by round, how many times as much it was."""
    return [value / other for value, other in zip(values, base, strict=True)]


def compare_costs(
    costs: Mapping[str, Sequence[Cost]], base: str, goals: Mapping[tuple[str, str], float]
) -> list[Figure]:
    """Wall, processor time and memory of each as ratios to `base`, whose own are absolute.

    `goals`: the most that a ratio may be, by subject and measure.
    """
    measures: dict[str, tuple[str, Callable[[Cost], float]]] = {
        "wall": ("s", lambda cost: cost.wall),
        "processor": ("s", lambda cost: cost.cpu),
        "peak memory": ("MB", lambda cost: cost.memory),
        "page faults": ("", lambda cost: cost.faults),
    }
    figures = []
    for measure, (unit, of) in measures.items():
        own = [of(cost) for cost in costs[base]]
        for subject, taken in costs.items():
            values = [of(cost) for cost in taken]
            goal = goals.get((subject, measure))
            if subject == base:
                figures.append(figure(subject, measure, values, unit))
            else:
                compared = ratios(values, own)
                figures.append(figure(subject, measure, compared, f"times {base}", goal))
    return figures


def end(process: "subprocess.Popen[bytes]", started: float) -> Cost:
    """End a process that got as far as it was measured; what it took since `started`.

    Killed, not asked: to tidy up would be measured too.
    """
    wall = time.monotonic() - started
    peak = _peak(process.pid)
    process.send_signal(signal.SIGKILL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    for stream in (process.stdin, process.stdout):
        if stream:
            stream.close()
    cpu = usage.ru_utime + usage.ru_stime
    return Cost(wall, cpu, peak or usage.ru_maxrss / 1024, usage.ru_minflt)


def _peak(pid: int) -> float | None:
    """MB. Where there is no /proc, `ru_maxrss` has to do, which counts the parent's share too."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return None
    [line] = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024
