"""The rules of `plan`, one test each. Times are days relative to the run."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from lambda_handler.api_gateway import Certificate
from lambda_handler.rotation import bundle
from lambda_handler.rotation.model import Generation, Observed, Policy, in_order
from lambda_handler.rotation.plan import (
    Adopt,
    Check,
    Delete,
    Generate,
    Mark,
    Publish,
    Release,
    Switch,
    held,
    plan,
)

NOW = datetime(2027, 3, 1, tzinfo=UTC)
POLICY = Policy(timedelta(days=60), timedelta(days=14), checks=False)
CHECKED = replace(POLICY, checks=True)


def day(days: float | None) -> datetime | None:
    return None if days is None else NOW + timedelta(days=days)


def generation(
    id: str,
    number: int,
    *,
    expires: float = 300,
    published: float | None = -30,
    accepted: float | None = None,
    retired: float | None = None,
    reason: str | None = None,
    adopted: bool = False,
) -> Generation:
    """Return a generation. Times are days from now."""
    pem = f"-----BEGIN CERTIFICATE-----\r\n{id}\r\n-----END CERTIFICATE-----"
    expiry = NOW + timedelta(days=expires)
    certificate = Certificate(id, f"arn:{id}", pem, None, expiry, "", None)
    states = {"published": day(published), "accepted": day(accepted), "retired": day(retired)}
    return Generation(certificate, number, expiry, reason=reason, adopted=adopted, **states)


def value(*generations: Generation) -> str:
    return bundle.join(it.pem for it in generations)


def observed(
    *generations: Generation,
    presents: str | Mapping[str, str | None] | None = "old",
    bundled: tuple[Generation, ...] | None = None,
    accepts: Mapping[str, bool] | None = None,
) -> Observed:
    """Return an observation. By default, the bundle contains all generations in order."""
    stages = presents if isinstance(presents, Mapping) else {"stage": presents}
    trusted = generations if bundled is None else bundled
    return Observed(in_order(list(generations)), stages, value(*trusted), accepts or {})


def steps(seen: Observed, policy: Policy = POLICY, now: datetime = NOW) -> list[Any]:
    return list(plan(seen, policy, now))


# The first generation.


def test_scheduled_run_issues_no_first_generation() -> None:
    assert steps(observed(presents=None)) == []


def test_deploy_issues_the_first_generation() -> None:
    assert steps(observed(presents=None), replace(POLICY, may_begin=True)) == [Generate(1)]


def test_deploy_adopts_the_first_generation() -> None:
    policy = replace(POLICY, may_begin=True, adopts="mine")
    assert steps(observed(presents=None), policy) == [Adopt("mine")]


def test_first_generation_is_published_before_it_is_attached() -> None:
    first = generation("old", 1, published=None)
    seen = observed(first, presents=None, bundled=())
    assert steps(seen) == [Publish(value(first))]
    assert steps(replace(seen, bundle=value(first))) == [Mark("old", "published", NOW)]
    marked = replace(seen, bundle=value(first), generations=(replace(first, published=NOW),))
    assert steps(marked) == [Switch("stage", "old")]


# Nothing to do.


def test_settled_resource_needs_nothing() -> None:
    assert steps(observed(generation("old", 1))) == []


def test_run_older_than_a_state_tag_changes_nothing() -> None:
    later = 1 / 86400
    for newest in (
        generation("new", 2, published=later),
        generation("new", 2, accepted=later),
        generation("new", 2, retired=later),
    ):
        assert steps(observed(generation("old", 1, expires=-1), newest, presents=None)) == []


# Generate.


def test_next_generation_is_issued_before_the_current_one_expires() -> None:
    assert steps(observed(generation("old", 1, expires=60))) == [Generate(2)]
    assert steps(observed(generation("old", 1, expires=60.1))) == []


def test_next_generation_is_issued_for_a_reason() -> None:
    policy = replace(POLICY, reason="audit")
    assert steps(observed(generation("old", 1)), policy) == [Generate(2)]
    assert steps(observed(generation("old", 1, reason="audit")), policy) == []


def test_reason_waits_for_the_current_rotation() -> None:
    policy = replace(POLICY, reason="further")
    old, new = generation("old", 1), generation("new", 2, published=-1, reason="audit")
    assert steps(observed(old, new), policy) == []


def test_reason_waits_while_three_generations_exist() -> None:
    policy = replace(POLICY, reason="further")
    a, b = generation("a", 1, retired=-2), generation("b", 2, retired=-1)
    old = generation("old", 3)
    assert steps(observed(a, b, old, bundled=(old, b, a)), policy) == []


def test_reason_of_an_expired_generation_does_not_count() -> None:
    policy = replace(POLICY, reason="audit")
    expired = generation("gone", 1, expires=-1, retired=-1, reason="audit")
    current = generation("old", 2)
    assert Generate(3) in steps(observed(expired, current, bundled=(current,)), policy)


# Publish.


def test_both_certificates_are_published_the_presented_one_first() -> None:
    old, new = generation("old", 1), generation("new", 2, published=None)
    assert steps(observed(old, new, bundled=(old,))) == [Publish(value(old, new))]


def test_published_is_written_after_the_parameter() -> None:
    old, new = generation("old", 1), generation("new", 2, published=None)
    assert Mark("new", "published", NOW) not in steps(observed(old, new, bundled=(old,)))
    assert steps(observed(old, new)) == [Mark("new", "published", NOW)]


def test_wait_starts_again_if_the_bundle_lacked_the_certificate() -> None:
    old, new = generation("old", 1), generation("new", 2, published=-13)
    assert steps(observed(old, new, bundled=(old,))) == [Mark("new", "published", None)]


def test_bundle_edited_by_hand_is_replaced() -> None:
    old = generation("old", 1)
    seen = replace(observed(old), bundle=f"{value(old)}# edited")
    assert steps(seen) == [Publish(value(old))]


def test_expired_certificates_are_left_out_of_the_bundle() -> None:
    expired, old = generation("gone", 1, expires=-1, retired=-1), generation("old", 2)
    assert Publish(value(old)) in steps(observed(expired, old))


def test_expired_certificate_that_a_stage_presents_stays_in_the_bundle() -> None:
    old, new = generation("old", 1, expires=-1), generation("new", 2, accepted=-1)
    seen = observed(old, new, accepts={"old": True, "new": False})
    assert steps(seen, CHECKED) == [Mark("new", "accepted", None)]


def test_bundle_is_never_empty() -> None:
    expired = generation("old", 1, expires=-1)
    seen = observed(expired, presents=None, bundled=())
    assert Publish(value(expired)) in steps(seen) + steps(
        replace(seen, generations=(replace(expired, published=None),))
    )


def test_bundle_has_no_carriage_returns_and_one_line_break_after_each_pem() -> None:
    assert value(generation("a", 1), generation("b", 2)) == (
        "-----BEGIN CERTIFICATE-----\na\n-----END CERTIFICATE-----\n"
        "-----BEGIN CERTIFICATE-----\nb\n-----END CERTIFICATE-----\n"
    )


def test_bundle_has_at_most_three_pems() -> None:
    retired = [generation(f"x{n}", n, published=None, retired=-1) for n in range(2, 6)]
    many = [generation("old", 1, published=None), *retired]
    (published,) = (it for it in steps(observed(*many, bundled=())) if isinstance(it, Publish))
    assert published.value.count("BEGIN") == 3
    assert published.value.startswith(value(many[0]))


# Switch.


def test_switch_waits_for_overlap() -> None:
    old = generation("old", 1)
    assert steps(observed(old, generation("new", 2, published=-13.9))) == []
    assert steps(observed(old, generation("new", 2, published=-14))) == [Switch("stage", "new")]


def test_switch_needs_the_certificate_in_the_bundle() -> None:
    old, new = generation("old", 1), generation("new", 2)
    assert Switch("stage", "new") not in steps(observed(old, new, bundled=(old,)))
    unmarked = replace(new, published=None)
    assert Switch("stage", "new") not in steps(observed(old, unmarked))


def test_switch_does_not_wait_on_the_last_day_without_checks() -> None:
    new = generation("new", 2, published=-1)
    assert steps(observed(generation("old", 1, expires=1.1), new)) == []
    expiring = observed(generation("old", 1, expires=1), new)
    assert steps(expiring) == [Switch("stage", "new")]
    assert Switch("stage", "new") not in steps(
        replace(expiring, accepts={"old": True, "new": True}), CHECKED
    )


def test_switch_needs_two_accepted_checks() -> None:
    old, new = generation("old", 1), generation("new", 2)
    accepted = {"old": True, "new": True}
    assert steps(observed(old, new, accepts=accepted), CHECKED) == [Mark("new", "accepted", NOW)]
    just_now = replace(new, accepted=NOW - timedelta(minutes=4, seconds=59))
    assert steps(observed(old, just_now, accepts=accepted), CHECKED) == []
    before = replace(new, accepted=NOW - timedelta(minutes=5))
    assert steps(observed(old, before, accepts=accepted), CHECKED) == [Switch("stage", "new")]


def test_switch_needs_a_check_result_from_this_run() -> None:
    old, new = generation("old", 1), generation("new", 2, accepted=-1)
    assert steps(observed(old, new), CHECKED) == [Check(("old", "new"))]


def test_backend_is_checked_only_while_both_certificates_are_published() -> None:
    old, new = generation("old", 1), generation("new", 2, published=-1)
    for bundled in ((old,), (new,), ()):
        assert Check(("old", "new")) not in steps(observed(old, new, bundled=bundled), CHECKED)
    assert steps(observed(old, new), CHECKED) == [Check(("old", "new"))]


def test_accepted_checks_do_not_shorten_the_wait() -> None:
    old, new = generation("old", 1), generation("new", 2, published=-1, accepted=-0.5)
    seen = observed(old, new, accepts={"old": True, "new": True})
    assert steps(seen, CHECKED) == []


def test_refused_certificate_is_not_presented_while_the_current_one_is_accepted() -> None:
    old, new = generation("old", 1, expires=-1), generation("new", 2)
    assert steps(observed(old, new, accepts={"old": True, "new": False}), CHECKED) == []


def test_expired_and_refused_certificate_is_replaced_at_once() -> None:
    old, new = generation("old", 1, expires=-1), generation("new", 2, published=0)
    seen = observed(old, new, accepts={"old": False, "new": False})
    assert steps(seen, CHECKED) == [Switch("stage", "new")]


def test_failed_check_starts_the_count_again() -> None:
    old, new = generation("old", 1), generation("new", 2, accepted=-1)
    seen = observed(old, new, accepts={"old": True, "new": False})
    assert steps(seen, CHECKED) == [Mark("new", "accepted", None)]


def test_every_stage_with_an_older_certificate_is_switched() -> None:
    seen = observed(
        generation("old", 1), generation("new", 2), presents={"a": "old", "b": "new", "c": "old"}
    )
    assert [it for it in steps(seen) if isinstance(it, Switch)] == [
        Switch("a", "new"), Switch("c", "new"),
    ]  # fmt: skip


def test_stage_that_was_reset_presents_the_current_certificate_again() -> None:
    old, new = generation("old", 1), generation("new", 2, published=-1)
    for presented in (None, "foreign"):
        seen = observed(old, new, presents={"a": presented, "b": "old"})
        assert steps(seen) == [Switch("a", "old")]


# Held.


def test_rotation_is_held_while_only_the_next_certificate_is_refused() -> None:
    seen = observed(generation("old", 1), generation("new", 2), accepts={"old": True, "new": False})
    assert "first PEM" in (held(seen, CHECKED, NOW) or "")


def test_backend_that_refuses_both_counts_as_down() -> None:
    seen = observed(
        generation("old", 1), generation("new", 2), accepts={"old": False, "new": False}
    )
    assert "down" in (held(seen, CHECKED, NOW) or "")


def test_rotation_is_not_held_during_the_wait_or_without_a_check_result() -> None:
    old, new = generation("old", 1), generation("new", 2, published=-1)
    assert held(observed(old, new, accepts={"old": True, "new": False}), CHECKED, NOW) is None
    waited = observed(old, generation("new", 2))
    assert held(waited, CHECKED, NOW) is None
    assert held(replace(waited, accepts={"old": True}), CHECKED, NOW) is None


# Retire and delete.


def test_old_certificate_is_retired_after_the_last_stage_has_switched() -> None:
    old, new = generation("old", 1), generation("new", 2)
    mixed = observed(old, new, presents={"a": "new", "b": "old"})
    assert Mark("old", "retired", NOW) not in steps(mixed)
    switched = observed(old, new, presents={"a": "new", "b": "new"})
    assert steps(switched)[0] == Mark("old", "retired", NOW)


def test_nothing_is_retired_while_a_stage_presents_no_certificate_of_the_resource() -> None:
    old, new = generation("old", 1), generation("new", 2)
    for presented in (None, "foreign"):
        seen = observed(old, new, presents={"a": "new", "b": presented})
        assert Mark("old", "retired", NOW) not in steps(seen)


def test_retired_certificate_is_deleted_after_overlap() -> None:
    current = generation("new", 2)
    old = generation("old", 1, retired=-13.9)
    assert steps(observed(old, current, presents="new", bundled=(current, old))) == []
    old = generation("old", 1, retired=-14)
    seen = observed(old, current, presents="new", bundled=(current, old))
    assert steps(seen) == [Delete("old")]


def test_retired_certificate_that_could_not_be_deleted_stays_in_the_bundle() -> None:
    current, old = generation("new", 2), generation("old", 1, retired=-100)
    seen = observed(old, current, presents="new", bundled=(current,))
    assert Mark("old", "published", None) in steps(seen)
    unmarked = replace(seen, generations=(replace(old, published=None), current))
    assert Publish(value(current, old)) in steps(unmarked)


def test_presented_certificate_is_not_deleted() -> None:
    old, current = generation("old", 1, retired=-100), generation("new", 2)
    seen = observed(old, current, presents={"a": "old", "b": "new"})
    assert Delete("old") not in steps(seen)


def test_adopted_certificate_is_released_and_leaves_the_bundle() -> None:
    old, current = generation("old", 1, retired=-14, adopted=True), generation("new", 2)
    seen = observed(old, current, presents="new", bundled=(current, old))
    assert steps(seen) == [Publish(value(current)), Release("old")]


def test_expired_next_certificate_is_deleted_and_replaced() -> None:
    old, new = generation("old", 1, expires=30), generation("new", 2, expires=-1)
    seen = observed(old, new, bundled=(old,))
    assert steps(seen) == [Generate(3), Delete("new")]


def test_second_of_two_next_certificates_is_deleted() -> None:
    old, a, b = generation("old", 1), generation("a", 2), generation("b", 2, expires=301)
    waiting = [replace(it, published=day(-1)) for it in (a, b)]
    seen = observed(old, *waiting, bundled=(old, waiting[0]))
    assert steps(seen) == [Delete("b")]


# A certificate deleted by hand.


def test_retired_certificate_returns_if_the_next_one_is_not_trusted_yet() -> None:
    """The current one was deleted by hand right after the switch away from `old`."""
    old, new = generation("old", 1, retired=-5), generation("new", 3, published=-1)
    seen = observed(old, new, presents=None, bundled=(old, new))
    assert steps(seen)[:2] == [Switch("stage", "old"), Mark("old", "retired", None)]


def test_next_certificate_is_presented_at_once_if_it_is_the_only_one() -> None:
    new = generation("new", 2, published=-1)
    assert steps(observed(new, presents=None)) == [Switch("stage", "new")]
