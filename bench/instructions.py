"""Row 1 again, where the clock is too noisy: instructions until the handler is imported."""

import os
import re
import shutil
import subprocess

from bench import contenders
from bench.contenders import Contender
from bench.measure import Figure

TITLE = "Cold start, in instructions: until handler and client are there (callgrind)"
ROUNDS = 1
VALGRIND = ("valgrind", "--tool=callgrind", f"--callgrind-out-file={os.devnull}")


def run(_rounds: int) -> list[Figure]:
    """Instructions of each Python handler as a ratio to the floor; needs valgrind."""
    if not shutil.which("valgrind"):
        return []
    floor = _count(contenders.floor())
    competing = [contenders.ours(), contenders.plain_crhelper()]
    ratios = {it.name: _count(it) / floor for it in competing}
    ours = ratios["ours"]
    return [
        Figure("ours", "instructions", ours, "times floor", goal="≤ 1.05", met=ours <= 1.05),
        Figure("plain crhelper", "instructions", ratios["plain crhelper"], "times floor"),
        Figure("floor", "instructions", floor),
    ]


def _count(contender: Contender) -> float:
    # The seed of hashes has a part in how many there are.
    fixed = {"PYTHONHASHSEED": "0", "AWS_DEFAULT_REGION": "us-east-1", "AWS_REGION": "us-east-1"}
    files = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    module = contender.command[-1].rpartition(".")[0]
    said = subprocess.run(
        [*VALGRIND, *contender.command[:2], "-c", f"import {module}"],
        env={"PATH": os.defpath, **fixed, **files, **contender.environment},
        check=True,
        capture_output=True,
        text=True,
    )
    [collected] = re.findall(r"Collected : (\d+)", said.stderr)
    return float(collected)
