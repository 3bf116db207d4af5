"""Edge cases of `plan`: the moment of expiry, partial check results and leftovers."""

from dataclasses import replace

import pytest

from lambda_handler.rotation.plan import (
    Check,
    Delete,
    Generate,
    Mark,
    Publish,
    Switch,
    current_generation,
    held,
    next_generation,
)
from tests.rotation.test_plan import CHECKED, NOW, POLICY, generation, observed, steps, value


def test_generations_are_numbered() -> None:
    """Compare the numbers, which equality of `Generate` steps ignores."""
    assert Generate(1) == Generate(2)
    (first,) = steps(observed(presents=None), replace(POLICY, may_begin=True))
    (next_,) = steps(observed(generation("old", 7, expires=60)))
    assert (first.number, next_.number) == (1, 8)


# The moment of expiry counts as expired.


def test_next_certificate_that_expires_now_is_not_presented() -> None:
    assert (
        next_generation(observed(generation("old", 1), generation("new", 2, expires=0)), NOW)
        is None
    )


def test_retired_certificate_that_expires_now_does_not_return() -> None:
    old, new = generation("old", 1, expires=0, retired=-5), generation("new", 2, published=-1)
    assert Switch("stage", "new") in steps(observed(old, new, presents=None))


def test_retired_certificate_that_expires_now_is_removed() -> None:
    old, new = generation("old", 1, expires=0, retired=-5), generation("new", 2)
    assert steps(observed(old, new, presents="new", bundled=(new, old))) == [
        Publish(value(new)),
        Delete("old"),
    ]


def test_reason_of_a_certificate_that_expires_now_does_not_count() -> None:
    old = generation("old", 1, expires=0, retired=-5, reason="audit")
    seen = observed(old, generation("new", 2), presents="new")
    assert Generate(3) in steps(seen, replace(POLICY, reason="audit"))


def test_refused_certificate_that_expires_now_is_replaced_at_once() -> None:
    old, new = generation("old", 1, expires=0), generation("new", 2, published=0)
    seen = observed(old, new, accepts={"old": False, "new": False})
    assert steps(seen, CHECKED) == [Switch("stage", "new")]


# Backend checks.


@pytest.mark.parametrize("accepts", [{"old": True}, {"new": True}])
def test_backend_is_checked_with_both_certificates(accepts: dict[str, bool]) -> None:
    seen = observed(generation("old", 1), generation("new", 2, accepted=-1), accepts=accepts)
    assert steps(seen, CHECKED) == [Check(("old", "new"))]


def test_backend_is_not_checked_before_a_next_certificate_exists() -> None:
    assert steps(observed(generation("old", 1)), CHECKED) == []


def test_backend_is_not_checked_before_the_published_tag_is_written() -> None:
    seen = observed(generation("old", 1), generation("new", 2, published=None))
    assert steps(seen, CHECKED) == [Mark("new", "published", NOW)]


@pytest.mark.parametrize(
    ("accepts", "reason"),
    [
        (
            {"old": True, "new": False},
            (
                "the backend accepts client certificate old, which the stages present, and refuses "
                "the next one, new: it probably trusts only the first PEM of the parameter, or has "
                "not reloaded it"
            ),
        ),
        (
            {"old": False, "new": False},
            (
                "the backend refuses client certificate old, which the stages present, and the "
                "next one, new: it is probably down, or trusts neither"
            ),
        ),
        ({"new": False}, None),
        ({"old": True, "new": True}, None),
    ],
)
def test_held_message_names_what_the_backend_refuses(
    accepts: dict[str, bool], reason: str | None
) -> None:
    seen = observed(generation("old", 1), generation("new", 2), accepts=accepts)
    assert held(seen, CHECKED, NOW) == reason


def test_backend_holds_the_switch_while_a_retired_certificate_exists() -> None:
    retired, old = generation("gone", 1, retired=-5), generation("old", 2)
    accepts = {"old": True, "new": False}
    seen = observed(retired, old, generation("new", 3), presents=None, accepts=accepts)
    assert "accepts client certificate old" in (held(seen, CHECKED, NOW) or "")
    assert Switch("stage", "old") in steps(seen, CHECKED)


# The current certificate, if the stages present nothing or a retired one is left.


def test_presented_certificate_stays_current_before_it_has_waited() -> None:
    old, new = generation("old", 1, retired=-5), generation("new", 2, published=-1)
    assert current_generation(observed(old, new, presents="new"), POLICY, NOW) == new


def test_certificate_that_has_waited_is_current_before_it_is_presented() -> None:
    old, new = generation("old", 1, retired=-5), generation("new", 2, published=-14)
    assert current_generation(observed(old, new, presents=None), POLICY, NOW) == new


def test_newest_retired_certificate_that_has_not_expired_is_current() -> None:
    a, b = generation("a", 1, retired=-5), generation("b", 2, retired=-4)
    expired = generation("c", 3, expires=-1, retired=-3)
    assert current_generation(observed(a, b, expired), POLICY, NOW) == b
    assert current_generation(observed(expired), POLICY, NOW) == expired


def test_current_certificate_is_not_deleted() -> None:
    seen = observed(generation("old", 1, retired=-20), presents=None)
    assert steps(seen) == [Switch("stage", "old"), Mark("old", "retired", None)]


def test_bundle_keeps_the_current_certificate_if_all_others_have_left_it() -> None:
    adopted = generation("mine", 1, retired=-20, adopted=True, published=None)
    expired = generation("old", 2, expires=-1)
    seen = observed(adopted, expired, presents={}, bundled=(adopted, expired))
    assert Publish(value(expired)) in steps(seen)
