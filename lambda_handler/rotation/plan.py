"""What to do next, decided from what is there. Pure: no clock, no client, no randomness.

A rotation goes through these states. None of them is stored as such; each is recognized by the
certificates, their tags, the stages and the trust bundle.

    generate the next certificate  →  publish both PEMs  →  wait `overlap`, ask the backend
    →  switch the stages  →  retire the old certificate, wait `overlap`  →  delete it

`plan` returns every step that is safe as things are, the most urgent first. The caller carries out
the first one and observes again, so no step depends on another one of the same list.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal

from . import bundle
from .model import Generation, Observed, Policy

LAST_DAY: Final = timedelta(days=1)
"""Without checks, stages switch this long before the current certificate expires at the latest."""
MAX_GENERATIONS: Final = 3
"""PEMs that fit into a parameter of the standard tier (4 KB)."""

State = Literal["published", "accepted", "retired"]


@dataclass(frozen=True)
class Generate:
    """Issue the certificate of a generation, with its tags.

    All are equal, so that a run issues at most one: with a wrong clock, each new certificate would
    count as expired, and a run would use up the account's quota.
    """

    number: int = field(compare=False)


@dataclass(frozen=True)
class Adopt:
    """Make an existing certificate the first generation."""

    id: str


@dataclass(frozen=True)
class Publish:
    """Write the trust bundle."""

    value: str


@dataclass(frozen=True)
class Mark:
    """Write a state of a certificate into its tag, or remove the tag if there is no moment."""

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
        observed: What is there.
        policy: How the resource rotates.
        now: The time. A run that is older than what another one has written does nothing.
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
    if next_ is None or not _waited(next_, policy, now):
        return None
    current = current_generation(observed, policy, now)
    if not _asked(observed, current, next_) or observed.accepts[next_.id]:
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

    It is the oldest that is not retired. If that was deleted by hand, the one that is left may
    not be trusted yet; the newest retired one then is, and returns.
    """
    active, retired = _active(observed), _retired(observed)
    usable = [it for it in retired if now < it.expires]
    if active and (
        not usable or _presented(active[0], observed) or _waited(active[0], policy, now)
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

    With checks, the backend decides, and time alone never does: the stages must not switch from
    what it accepts to what it refuses.
    """
    if next_.published is None or not bundle.contains(observed.bundle, next_.pem):
        return False
    current = current_generation(observed, policy, now)
    waited = _waited(next_, policy, now)
    if not policy.checks:
        return waited or current.expires - LAST_DAY <= now
    if not _asked(observed, current, next_):
        return False
    if current.expires <= now and not observed.accepts[current.id]:
        return True  # it cannot become worse
    accepted_before = next_.accepted is not None and next_.accepted < now
    return waited and accepted_before and observed.accepts[next_.id]


def _waited(generation: Generation, policy: Policy, now: datetime) -> bool:
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
    """Return the steps that make the bundle what it is to be, and then say since when it is.

    The mark of a generation that is missing in the bundle is removed first: if the run ended
    between the two, the time that the generation was missing would count as published.
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
    """Return the generations whose PEMs belong into the bundle, in its order.

    What stages present stands first, because many servers use only the first of two certificates
    that have the same name. Expired certificates are left out, because one of them can lock out
    the others, unless stages present them.
    """
    superfluous = {it.id for it in _superfluous(observed, now)}
    presented = [it for it in observed.generations if _presented(it, observed)]
    others = [
        it
        for it in observed.generations
        if it not in presented
        and it.id not in superfluous
        and now < it.expires
        and not (it.adopted and _is_past(it, policy, now))
    ]
    trusted = [*presented, *reversed(others)] or [current_generation(observed, policy, now)]
    return trusted[:MAX_GENERATIONS]


def _check(observed: Observed, policy: Policy, now: datetime) -> list[Step]:
    """Return the question to the backend, and then the mark that keeps its answer."""
    current, next_ = current_generation(observed, policy, now), next_generation(observed, now)
    if not policy.checks or next_ is None or next_.published is None:
        return []
    if not all(bundle.contains(observed.bundle, it.pem) for it in (current, next_)):
        return []
    if not _asked(observed, current, next_):
        return [Check((current.id, next_.id))]
    if observed.accepts[next_.id] == (next_.accepted is not None):
        return []
    return [Mark(next_.id, "accepted", now if observed.accepts[next_.id] else None)]


def _asked(observed: Observed, *generations: Generation) -> bool:
    return {it.id for it in generations} <= observed.accepts.keys()


def _remove(observed: Observed, policy: Policy, now: datetime) -> list[Step]:
    """Return a removal for each generation that is not needed any more."""
    past = [it for it in _retired(observed) if _is_past(it, policy, now) or it.expires <= now]
    current = current_generation(observed, policy, now)
    return [
        Release(it.id) if it.adopted else Delete(it.id)
        for it in (*past, *_superfluous(observed, now))
        if it != current and not _presented(it, observed)
    ]


def _superfluous(observed: Observed, now: datetime) -> list[Generation]:
    """Return what no stage presents and none is to present.

    These are one of two generations that two runs issued at once, and one that expired before
    the stages switched to it.
    """
    next_ = next_generation(observed, now)
    return [it for it in _active(observed)[1:] if it != next_ and not _presented(it, observed)]


def _is_past(generation: Generation, policy: Policy, now: datetime) -> bool:
    return generation.retired is not None and policy.overlap <= now - generation.retired


def _active(observed: Observed) -> list[Generation]:
    return [it for it in observed.generations if it.retired is None]


def _retired(observed: Observed) -> list[Generation]:
    return [it for it in observed.generations if it.retired is not None]


def _presented(generation: Generation, observed: Observed) -> bool:
    return generation.id in observed.presents.values()
