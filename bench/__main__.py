"""Run benchmarks and write their results into docs/benchmarks.md.

python -m bench cold_start create --rounds 5 --print
"""

import argparse
from collections.abc import Callable

from bench import apps, invocations, local, report
from bench.compare import Result

BENCHMARKS: dict[str, tuple[Callable[[int], Result], int]] = {
    run.__name__: (run, rounds)
    for run, rounds in (
        (invocations.cold_start, 20),
        (invocations.create, 20),
        (invocations.delete, 10),
        (invocations.counts, 1),
        (invocations.many, 5),
        (invocations.at_once, 3),
        (apps.synth, 7),
        (apps.templates, 1),
        (apps.import_time, 10),
        (local.deploy, 5),
        (local.rotation, 5),
    )
}
"""Each benchmark, and its number of rounds."""


def main() -> None:
    """Run the named benchmarks, or all of them."""
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(BENCHMARKS))
    parser.add_argument("--rounds", type=int, help="instead of each benchmark's own number")
    parser.add_argument("--print", action="store_true", help="only print the results")
    options = parser.parse_args()
    if unknown := set(options.names) - set(BENCHMARKS):
        parser.error(f"no such benchmark: {min(unknown)}; there are {', '.join(BENCHMARKS)}")
    for name in options.names or BENCHMARKS:
        run, rounds = BENCHMARKS[name]
        if rounds > 1:  # counts are the same in each round
            rounds = options.rounds or rounds
        result = run(rounds)
        text = report.table(result, rounds)
        print(f"{name}\n\n{text}\n", flush=True)
        if not options.print:
            report.write(name, text)
            if result.seconds:
                report.draw(name, result.seconds)


if __name__ == "__main__":
    main()
