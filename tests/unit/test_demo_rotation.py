"""The rotation demo describes what changed, and what it skips."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from demo.caller import Calls
from demo.demo import DemoError
from demo.rotation import _skip
from demo.timeline import Generation, Moment
from demo.years import describe

START = datetime(2027, 1, 1, tzinfo=UTC)
VALIDITY = timedelta(days=365)
FIRST = Generation(1, START, START + VALIDITY)
SECOND = Generation(2, START + timedelta(days=305), START + timedelta(days=305) + VALIDITY)
CALLS = {"nginx": Calls(accepted=1000), "Python": Calls(accepted=200)}
QUIET = Moment(START, [FIRST], [1], {"nginx": 1, "Python": 1}, CALLS)
BOTH = replace(QUIET, generations=[FIRST, SECOND], bundle=[1, 2])
SWITCHED = replace(BOTH, bundle=[2, 1], presents={"nginx": 2, "Python": 2})


@pytest.mark.parametrize(
    ("before", "now", "text"),
    [
        (QUIET, QUIET, "no change"),
        (QUIET, BOTH, "certificate 2 is issued and published"),
        (BOTH, SWITCHED, "certificate 2 is presented by nginx, Python"),
        (SWITCHED, replace(SWITCHED, generations=[SECOND]), "certificate 1 is deleted"),
        (BOTH, replace(BOTH, held=True), "the alarm RotationHeld fires"),
        (
            replace(BOTH, held=True),
            SWITCHED,
            "certificate 2 is presented by nginx, Python; the alarm RotationHeld ends",
        ),
    ],
)
def test_describes_what_changed(before: Moment, now: Moment, text: str) -> None:
    assert describe(before, now) == f"{text} (1,200 handshakes, 0 refused)"


def test_describes_refused_calls() -> None:
    refused = replace(QUIET, calls={"nginx": Calls(accepted=5, refused=2)})
    assert describe(QUIET, refused) == "no change (5 handshakes, 2 refused)"


def test_skips_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    steps: list[str] = []
    _skip(steps.append, "a backend: nginx is not installed")
    assert steps == ["skipped a backend: nginx is not installed"]


def test_a_missing_program_is_an_error_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    steps: list[str] = []
    with pytest.raises(DemoError, match="cannot run a backend: nginx is not installed"):
        _skip(steps.append, "a backend: nginx is not installed")
    assert steps == []
