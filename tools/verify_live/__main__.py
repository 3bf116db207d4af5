"""`make verify-live`: verify the claims in the caller's account and print a table."""

import os
import shutil
import signal
import sys
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import PurePath
from typing import Final, NamedTuple

from local_aws.interrupts import Interrupts
from tools.aws_account import Problem

from .account import Account, denied, message
from .backend import Backend
from .claims import CLAIMS, Claim, Run
from .synthesis import synthesize
from .verdict import Verdict, not_observed

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
RELIED_ON_WIDTH: Final = 24
"""The width of the heading and of the longest file name."""


class Row(NamedTuple):
    """A claim, the verdict, and the error that prevented an observation, if any."""

    claim: Claim
    verdict: Verdict
    error: Exception | None = None


def main() -> int:
    """Run the command, and return its exit code."""
    interrupts = Interrupts(*SIGNALS)
    try:
        run = _prepare()
        if _confirmed(run):
            return _observe(run, interrupts)
        problem = "not confirmed"
    except Problem as error:
        problem = str(error)
    except KeyboardInterrupt:
        problem = "interrupted"
    print(f"{problem}; nothing was created", file=sys.stderr)
    return 130 if interrupts.received else 1


def _prepare() -> Run:
    """Check everything that can be checked before anything is created."""
    account = Account()
    account.check_api_gateway()
    url = os.environ.get("BACKEND_URL")
    backend = Backend(url) if url else None
    if backend:
        backend.check()
    return Run(account, synthesize(account.name, account.id, account.region), backend)


def _confirmed(run: Run) -> bool:
    account = run.account
    place = f"account {account.id}, Region {account.region}"
    print(place + (f", endpoint {account.endpoint}" if account.endpoint else ""))
    print(f"This creates and removes again, one after the other, all named {account.name}-…:")
    for claim in CLAIMS:
        if claim.creates and (run.backend or not claim.needs_backend):
            print(f"  - {claim.creates}")
    if os.environ.get("YES") == "1":
        return True
    try:
        return input("Continue? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        raise Problem("there is no terminal to ask on: YES=1 skips the question") from None


def _observe(run: Run, interrupts: Interrupts) -> int:
    rows: list[Row] = []
    try:
        for row in _rows(run):
            rows.append(row)
            run.account.remove_all()
            if interrupts.received:
                break
    except KeyboardInterrupt:
        pass  # recorded in `interrupts.received`
    finally:
        # Try twice, since the one possible interrupt may come now.
        for _ in range(2):
            with suppress(KeyboardInterrupt):
                run.account.remove_all()
                interrupts.ignore()
    print(_table(rows), flush=True)  # before the messages on standard error
    return _report(run.account, rows, interrupts.received)


def _rows(run: Run) -> Iterator[Row]:
    for number, claim in enumerate(CLAIMS, start=1):
        print(f"[{number}/{len(CLAIMS)}] {claim.text}", flush=True)
        try:
            yield Row(claim, claim.observe(run))
        except Exception as error:
            yield Row(claim, not_observed(message(error)), error)


def _table(rows: Sequence[Row]) -> str:
    """Return claim, observation and where the code relies on it, in three columns."""
    width = max(100, min(160, shutil.get_terminal_size().columns))
    half = (width - RELIED_ON_WIDTH) // 2 - 3
    columns = (half, half, RELIED_ON_WIDTH)
    rule = "-" * width
    lines = [_cells(("claim", "observed", "the code relies on it in"), columns)]
    for row in rows:
        names = [PurePath(path).name for path in row.claim.relied_on]
        relied_on = "\n".join(names) or "nowhere"
        lines.append(rule)
        lines.append(_cells((row.claim.text, str(row.verdict), relied_on), columns))
    return "\n".join([*lines, rule])


def _cells(texts: Sequence[str], widths: Sequence[int]) -> str:
    wrapped = [
        [
            part
            for line in text.splitlines()
            for part in textwrap.wrap(line, width, break_on_hyphens=False)
        ]
        for text, width in zip(texts, widths, strict=True)
    ]
    height = max(map(len, wrapped))
    padded = [[*column, *[""] * (height - len(column))] for column in wrapped]
    return "\n".join(
        "   ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in zip(*padded, strict=True)
    )


def _report(account: Account, rows: Sequence[Row], interrupted: bool) -> int:
    """Print what is left to do, and return the exit code."""
    if account.leftovers:
        print("not everything could be removed; these commands remove it:", file=sys.stderr)
        print("\n".join(account.leftovers), file=sys.stderr)
    if interrupted:
        left = "" if account.leftovers else ": everything that it created is removed"
        print(f"verify-live interrupted{left}", file=sys.stderr)
        return 130
    errors = [row.error for row in rows if row.error]
    if errors:
        # Prefer an error that the user can fix: a missing permission or a wrong setting.
        refusals = [error for error in errors if denied(error)]
        problems = [error for error in errors if isinstance(error, Problem)]
        cause = [*refusals, *problems, *errors][0]
        advice = "use credentials that may do this" if refusals else "correct this and run again"
        print(
            f"{len(errors)} claims could not be observed ({message(cause)}): {advice}",
            file=sys.stderr,
        )
    return 1 if errors or account.leftovers else 0


if __name__ == "__main__":
    sys.exit(main())
