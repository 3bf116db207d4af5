"""`python -m bench [names] [--rounds N]`: measure, write docs/benchmarks.* and plots."""

import argparse
import time
from types import ModuleType
from typing import Final

from bench import (
    asset,
    at_once,
    calls,
    cold_start,
    create,
    deploy,
    import_time,
    instructions,
    many,
    report,
    rotation,
    stack_of_60,
    synth,
    teardown,
)

ROWS: Final[dict[str, tuple[int, ModuleType]]] = {
    "cold_start": (1, cold_start),
    "instructions": (1, instructions),
    "create": (2, create),
    "asset": (3, asset),
    "teardown": (4, teardown),
    "calls": (5, calls),
    "synth": (6, synth),
    "at_once": (7, at_once),
    "stack_of_60": (7, stack_of_60),
    "deploy": (8, deploy),
    "many": (9, many),
    "import_time": (10, import_time),
    "rotation": (11, rotation),
}


def main() -> None:
    """Run the named benchmarks, or all."""
    arguments = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    arguments.add_argument("names", nargs="*", metavar="name", help=f"of: {', '.join(ROWS)}")
    arguments.add_argument("--rounds", type=int, help="instead of each benchmark's own number")
    arguments.add_argument("--dry", action="store_true", help="write no file")
    arguments.add_argument(
        "--redraw", action="store_true", help="only draw the plots, from docs/benchmarks.json"
    )
    options = arguments.parse_args()
    if options.redraw:
        return report.redraw()
    if unknown := set(options.names) - set(ROWS):
        arguments.error(f"no such benchmark: {min(unknown)}; there are {', '.join(ROWS)}")
    for name in options.names or ROWS:
        number, row = ROWS[name]
        rounds = (options.rounds or row.ROUNDS) if row.ROUNDS > 1 else 1
        started = time.monotonic()
        figures = row.run(rounds)
        result = report.Result(name, number, row.TITLE, rounds, figures)
        print(report.section(result))
        print(f"({time.monotonic() - started:.0f} s)\n", flush=True)
        if not options.dry:
            report.write(result)


if __name__ == "__main__":
    main()
