"""Faults that a history can contain, and the strategies that draw them."""

from dataclasses import dataclass

from hypothesis import strategies as st

from handler_testing import api_errors
from tests.fault.simulation import Call

FOREVER = 10_000
"""More calls than any invocation makes."""

RESPONSES = {
    "throttled": api_errors.THROTTLED,
    "quota": api_errors.QUOTA_FULL,
    "conflict": api_errors.CONFLICT,
    "denied": api_errors.DENIED,
    "unauthorized": api_errors.UNAUTHORIZED,
    "server error": api_errors.SERVER_ERROR,
    "unavailable": api_errors.UNAVAILABLE,
    "refused": api_errors.error(400, "BadRequestException"),
}
AMBIGUOUS_KINDS = ("server error", "unavailable", "reset", "hang")
"""Faults after which a call may or may not have taken effect."""
PERMANENT_KINDS = ("refused",)
INTERRUPTIONS = ("duplicate", "next request", "manual delete")


@dataclass
class HistoryFault:
    """A fault in the calls `at` to `at + times - 1` of an invocation.

    Attributes:
        kind: An error, "crash", or an event that happens once, during the call: "duplicate" (a
            second delivery of the same event), "next request" (CloudFormation's next request for
            the resource) or "manual delete" (a user deletes the certificate).
        at: Index of the first affected call.
        times: How many calls are affected.
        commit: Whether the call takes effect before the fault.
        writes_only: Whether only writes are counted and affected.
        lost: Whether the response of the duplicate delivery gets lost.
    """

    kind: str
    at: int
    times: int = 1
    commit: bool = False
    writes_only: bool = False
    lost: bool = False

    def affects(self, call: Call, calls: int, writes: int) -> bool:
        if self.writes_only and call.method == "GET":
            return False
        if self.kind == "quota" and call.method != "POST":  # only a new certificate counts
            return False
        times = 1 if self.kind in ("crash", *INTERRUPTIONS) else self.times
        return self.at <= (writes if self.writes_only else calls) < self.at + times


fault_lists = st.lists(
    st.builds(
        HistoryFault,
        kind=st.sampled_from([*RESPONSES, "reset", "hang", "crash", "crash", *INTERRUPTIONS]),
        at=st.integers(0, 5),
        times=st.sampled_from([1, 1, 2, 4, FOREVER]),
        commit=st.booleans(),
        writes_only=st.booleans(),
    ),
    max_size=3,
)
delivery_lists = st.lists(
    st.sampled_from([503, 503, 403, 302, "reset", "accepted, reset", "crash", "accepted, crash"]),
    max_size=6,
)
interruptions = st.builds(
    HistoryFault,
    kind=st.sampled_from(INTERRUPTIONS),
    at=st.integers(0, 3),
    commit=st.booleans(),
    writes_only=st.booleans(),
    lost=st.booleans(),
)
DUPLICATE = HistoryFault("duplicate", at=0, writes_only=True)
LOST_DUPLICATE = HistoryFault("duplicate", at=0, writes_only=True, lost=True)
CRASH_AFTER_WRITE = HistoryFault("crash", at=0, writes_only=True, commit=True)
AMBIGUOUS_WRITE = HistoryFault("server error", at=0, writes_only=True, commit=True)
REFUSED_SECOND_WRITE = HistoryFault("refused", at=1, times=FOREVER, writes_only=True)
ALWAYS_THROTTLED = HistoryFault("throttled", at=0, times=FOREVER)
descriptions = st.sampled_from([None, "", "backend", "größer"])
tag_sets = st.dictionaries(
    st.sampled_from(["team", "stage", "cost:center"]), st.sampled_from(["", "edge", "core"])
)
indexes = st.integers(0, 1000)
adoptions = st.sampled_from([None, None, None, "foreign", "of the other resource"])
