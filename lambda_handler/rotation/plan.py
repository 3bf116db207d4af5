"""Decides what to do next from the observed state. Pure: no clock, no client, no randomness.

A rotation goes through these states. None of them is stored as such; each is recognized by the
certificates, their tags, the stages and the trust bundle.

    generate the next certificate  →  publish both PEMs  →  wait `overlap`, ask the backend
    →  switch the stages  →  retire the old certificate, wait `overlap`  →  delete it

`plan` returns every step that is safe in the observed state, the most urgent first. The caller
carries out the first one and observes again, so no step depends on another one of the same list.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal

from . import bundle
from .model import Generation, Observed, Policy

LAST_DAY: Final = timedelta(days=1)
"""Without checks, stages switch this long before the current certificate expires at the latest."""
BETWEEN_CHECKS: Final = timedelta(minutes=5)
"""The least time between the two checks that a switch takes.

Within this time EventBridge may deliver the same event again, and Lambda retries a run that failed.
"""
MAX_GENERATIONS: Final = 3
"""PEMs that fit into a parameter of the standard tier (4 KB)."""

State = Literal["published", "accepted", "retired"]


@dataclass(frozen=True)
class Generate:
    """Issue the certificate of a generation, with its tags.

    All `Generate` steps compare equal, so a run, which repeats no step, issues one certificate.
    With a clock that is wrong, each new certificate would count as expired, and a run would
    otherwise use up the account's quota.
    """

    number: int = field(compare=False)


@dataclass(frozen=True)
class Adopt:
    """Make an existing certificate the first generation."""

    id: str


@dataclass(frozen=True)
class Publish:
    """Write the trust bundle."""

    value: str = field(repr=False)
    """Not logged: no log line contains a PEM."""


@dataclass(frozen=True)
class Mark:
    """Write the time at which a certificate reached a state into its tag; remove it if None."""

    id: str
    state: State
    moment: datetime | None


@dataclass(frozen=True)
class Check:
    """Ask the backend whether it accepts these certificates."""

    ids: tuple[str, ...]


@dataclass(frozen=True)
class Switch:
    """Make a stage present a certificate."""

    stage: str
    id: str


@dataclass(frozen=True)
class Delete:
    """Delete a certificate."""

    id: str


@dataclass(frozen=True)
class Release:
    """Remove the tags from an adopted certificate, which then is not the resource's any more."""

    id: str


Step = Generate | Adopt | Publish | Mark | Check | Switch | Delete | Release


def plan(observed: Observed, policy: Policy, now: datetime) -> list[Step]:
    """Return the steps that are safe, the most urgent first; none if there is nothing to do.

    Args:
        observed: The state of the resource.
        policy: How the resource rotates.
        now: The time of the run. If another run has written a later time, there are no steps.
    """
    if observed.newest_state is not None and now < observed.newest_state:
        return []
    if not observed.generations:
        return _begin(policy)
    return [
        *_repair_stages(observed, policy, now),
        *_switch(observed, policy, now),
        *_retire(observed, policy, now),
        *_generate(observed, policy, now),
        *_publish(observed, policy, now),
        *_check(observed, policy, now),
        *_remove(observed, policy, now),
    ]


def held(observed: Observed, policy: Policy, now: datetime) -> str | None:
    """Return why a backend check holds the switch back, None if none does."""
    next_ = next_generation(observed, now)
    if next_ is None or not _is_published_long_enough(next_, policy, now):
        return None
    current = current_generation(observed, policy, now)
    if not _has_results(observed, current, next_) or observed.accepts[next_.id]:
        return None
    if observed.accepts[current.id]:
        return (
            f"the backend accepts client certificate {current.id}, which the stages present, and "
            f"refuses the next one, {next_.id}: it probably trusts only the first PEM of the "
            "parameter, or has not reloaded it"
        )
    return (
        f"the backend refuses client certificate {current.id}, which the stages present, and the "
        f"next one, {next_.id}: it is probably down, or trusts neither"
    )


def current_generation(observed: Observed, policy: Policy, now: datetime) -> Generation:
    """Return the generation that stages are to present until the next one is ready.

    It is the oldest that is not retired. If that one was deleted by hand, the next one may not be
    trusted by backends yet. Then it is the newest retired one, which they still trust.
    """
    active, retired = _active(observed), _retired(observed)
    usable = [it for it in retired if now < it.expires]
    if active and (
        not usable
        or _presented(active[0], observed)
        or _is_published_long_enough(active[0], policy, now)
    ):
        return active[0]
    return (usable or retired)[-1]


def next_generation(observed: Observed, now: datetime) -> Generation | None:
    """Return the generation that stages are to present next, None if there is none."""
    return next((it for it in _active(observed)[1:] if now < it.expires), None)


def _begin(policy: Policy) -> list[Step]:
    if not policy.may_begin:
        return []
    return [Adopt(policy.adopts) if policy.adopts else Generate(1)]


def _repair_stages(observed: Observed, policy: Policy, now: datetime) -> list[Step]:
    """Return a switch for each stage that presents nothing, or what is not to be presented."""
    current = current_generation(observed, policy, now)
    if current.published is None:
        return []
    presentable = {it.id for it in _active(observed)} | {current.id}
    return [
        Switch(stage, current.id)
        for stage, presented in observed.presents.items()
        if presented not in presentable
    ]


def _switch(observed: Observed, policy: Policy, now: datetime) -> list[Step]:
    next_ = next_generation(observed, now)
    if next_ is None or not _is_ready(next_, observed, policy, now):
        return []
    older = {it.id for it in observed.generations[: observed.generations.index(next_)]}
    return [
        Switch(stage, next_.id)
        for stage, presented in observed.presents.items()
        if presented in older
    ]


def _is_ready(next_: Generation, observed: Observed, policy: Policy, now: datetime) -> bool:
    """Return whether the stages may switch to the next generation.

    With backend checks, they never switch because of the time alone, so that they do not switch
    from a certificate that the backend accepts to one that it refuses.
    """
    if next_.published is None or not bundle.contains(observed.bundle, next_.pem):
        return False
    current = current_generation(observed, policy, now)
    waited = _is_published_long_enough(next_, policy, now)
    if not policy.checks:
        return waited or current.expires - LAST_DAY <= now
    if not _has_results(observed, current, next_):
        return False
    if current.expires <= now and not observed.accepts[current.id]:
        return True  # calls are refused already, so the next one cannot make it worse
    accepted_before = next_.accepted is not None and now - next_.accepted >= BETWEEN_CHECKS
    return waited and accepted_before and observed.accepts[next_.id]


def _is_published_long_enough(generation: Generation, policy: Policy, now: datetime) -> bool:
    return generation.published is not None and policy.overlap <= now - generation.published


def _retire(observed: Observed, policy: Policy, now: datetime) -> list[Step]:
    """Return a mark for each generation that all stages have switched away from."""
    current = current_generation(observed, policy, now)
    if current.retired is not None:
        return [Mark(current.id, "retired", None)]
    active = [it.id for it in _active(observed)]
    presented = set(observed.presents.values())
    if not presented or not presented <= set(active):
        return []
    oldest = min(active.index(id) for id in presented if id is not None)
    return [Mark(id, "retired", now) for id in active[:oldest]]


def _generate(observed: Observed, policy: Policy, now: datetime) -> list[Step]:
    current = current_generation(observed, policy, now)
    live = [it for it in observed.generations if now < it.expires]
    if next_generation(observed, now) is not None or len(live) >= MAX_GENERATIONS:
        return []
    expires_soon = current.expires - now <= policy.rotate_before_expiry
    asked_for = policy.reason is not None and policy.reason not in {it.reason for it in live}
    if not (expires_soon or asked_for):
        return []
    return [Generate(observed.generations[-1].number + 1)]


def _publish(observed: Observed, policy: Policy, now: datetime) -> list[Step]:
    """Return the steps that bring the bundle up to date, and then record when that was done.

    If a generation was marked as published but is missing in the bundle, its mark is removed
    first. Otherwise, if the run ended after the bundle was written, the time during which the
    generation was missing would count as published.
    """
    trusted = _trusted(observed, policy, now)
    missing = [it for it in trusted if not bundle.contains(observed.bundle, it.pem)]
    if outdated := [it for it in missing if it.published is not None]:
        return [Mark(it.id, "published", None) for it in outdated]
    value = bundle.join(it.pem for it in trusted)
    if observed.bundle != value:
        return [Publish(value)]
    return [Mark(it.id, "published", now) for it in trusted if it.published is None]


def _trusted(observed: Observed, policy: Policy, now: datetime) -> list[Generation]:
    """Return the generations whose PEMs belong in the bundle, in the bundle's order.

    Those that stages present come first, because many servers use only the first of two
    certificates with the same subject. Expired certificates that no stage presents are left out,
    because a server may refuse the others because of them.
    """
    superfluous = {it.id for it in _superfluous(observed, now)}
    presented = [it for it in observed.generations if _presented(it, observed)]
    others = [
        it
        for it in observed.generations
        if it not in presented
        and it.id not in superfluous
        and now < it.expires
        and not (it.adopted and _is_retired_long_enough(it, policy, now))
    ]
    trusted = [*presented, *reversed(others)] or [current_generation(observed, policy, now)]
    return trusted[:MAX_GENERATIONS]


def _check(observed: Observed, policy: Policy, now: datetime) -> list[Step]:
    """Return the backend check, and once it has results, the mark that records a change."""
    current, next_ = current_generation(observed, policy, now), next_generation(observed, now)
    if not policy.checks or next_ is None or next_.published is None:
        return []
    if not all(bundle.contains(observed.bundle, it.pem) for it in (current, next_)):
        return []
    if not _has_results(observed, current, next_):
        return [Check((current.id, next_.id))]
    if observed.accepts[next_.id] == (next_.accepted is not None):
        return []
    return [Mark(next_.id, "accepted", now if observed.accepts[next_.id] else None)]


def _has_results(observed: Observed, *generations: Generation) -> bool:
    return {it.id for it in generations} <= observed.accepts.keys()


def _remove(observed: Observed, policy: Policy, now: datetime) -> list[Step]:
    """Return a removal for each generation that is not needed any more."""
    past = [
        it
        for it in _retired(observed)
        if _is_retired_long_enough(it, policy, now) or it.expires <= now
    ]
    current = current_generation(observed, policy, now)
    return [
        Release(it.id) if it.adopted else Delete(it.id)
        for it in (*past, *_superfluous(observed, now))
        if it != current and not _presented(it, observed)
    ]


def _superfluous(observed: Observed, now: datetime) -> list[Generation]:
    """Return the generations that no stage presents or is going to present.

    For example, one of two that two runs issued at the same time, or one that expired before the
    stages switched to it.
    """
    next_ = next_generation(observed, now)
    return [it for it in _active(observed)[1:] if it != next_ and not _presented(it, observed)]


def _is_retired_long_enough(generation: Generation, policy: Policy, now: datetime) -> bool:
    return generation.retired is not None and policy.overlap <= now - generation.retired


def _active(observed: Observed) -> list[Generation]:
    return [it for it in observed.generations if it.retired is None]


def _retired(observed: Observed) -> list[Generation]:
    return [it for it in observed.generations if it.retired is not None]


def _presented(generation: Generation, observed: Observed) -> bool:
    return generation.id in observed.presents.values()
