"""The result of an observation."""

from dataclasses import dataclass
from enum import Enum


class Outcome(Enum):
    """How an observation compares with what the code assumes."""

    AS_ASSUMED = "as assumed"
    OTHERWISE = "other than assumed"
    NOT_OBSERVED = "not observed"


@dataclass(frozen=True)
class Verdict:
    """An outcome with what was observed, or with the reason why nothing was."""

    outcome: Outcome
    observed: str

    def __str__(self) -> str:
        return f"{self.outcome.value}: {self.observed}"


def judge(as_assumed: bool, observed: str) -> Verdict:
    """Return the verdict on an observation that was made."""
    return Verdict(Outcome.AS_ASSUMED if as_assumed else Outcome.OTHERWISE, observed)


def not_observed(reason: str) -> Verdict:
    """Return the verdict if nothing was observed."""
    return Verdict(Outcome.NOT_OBSERVED, reason)
