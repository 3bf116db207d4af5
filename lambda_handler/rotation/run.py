"""One run for one resource: observe, plan, carry out the first step, and again."""

import logging
import random
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from .. import faults, metrics
from ..calls import ApiError
from ..contract import Metric, OwnTag
from ..deadline import Deadline
from ..errors import RefusedError, RequestError
from ..faults import Fault
from .bundle import contains
from .carry_out import Work, carry_out, emit
from .model import Observed, Policy
from .plan import Generate, Mark, Step, Switch, held, next_generation, plan

logger = logging.getLogger(__name__)

MAX_GENERATES: Final = 6
"""Calls of one run that may each have issued a certificate."""
MAX_CLOCK_SKEW: Final = timedelta(days=1)
"""How far a tag may be ahead: more than a run that EventBridge delivers late is behind."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    observed: Observed
    failures: dict[Step | None, RequestError]
    """Why steps failed. What belongs to no step has the key None."""
    held: str | None


def converge(work: Work, policy: Policy, deadline: Deadline) -> Outcome:
    """Carry out steps until nothing is left to do, or until all that is left has failed.

    Every step is decided by an observation that is newer than the last step. A step that failed
    does not keep the others from being carried out.

    Raises:
        RequestError: The resource could not be observed, or the time ran out.
    """
    failures: dict[Step | None, RequestError] = {}
    finished: set[Step] = set()
    accepts: dict[str, bool] = {}
    generates = 0
    observed = work.observer.observe(again=False)
    if plan(observed, policy, work.now):
        observed = work.observer.observe(again=True)
    while step := _first(plan(replace(observed, accepts=accepts), policy, work.now), finished):
        # A step that is done is not done twice, even if reads do not show it yet.
        finished.add(step)
        try:
            accepts |= carry_out(work, step, observed)
        except ApiError as error:
            if isinstance(step, Mark | Switch) and error.fault is Fault.NOT_FOUND:
                logger.info("gone since it was observed", extra={"step": repr(step)})
            elif isinstance(step, Generate) and _may_retry(error, generates := generates + 1):
                finished.remove(step)
                deadline.sleep(faults.backoff(generates, 2.0**generates, random.random()))
            else:
                failures[step] = error
        except RefusedError as error:
            failures[step] = error
        observed = work.observer.observe(again=True)
    observed = replace(observed, accepts=accepts)
    reason = held(observed, policy, work.now)
    next_ = next_generation(observed, work.now) if observed.generations else None
    if reason is not None and next_ is not None:
        logger.warning("held", extra={"reason": reason})
        try:
            emit(work, "Rotation Held", next_, message=reason)
        except RequestError as error:
            failures[None] = error
    if observed.newest_state is not None and observed.newest_state - work.now > MAX_CLOCK_SKEW:
        failures[None] = RefusedError(
            f"a tag {OwnTag.PREFIX}*-at of a client certificate says "
            f"{observed.newest_state.isoformat()}, which is in the future, so nothing is done "
            "before then: remove that tag (aws apigateway untag-resource)"
        )
    if missing := {it.path for it in work.settings.stages} - observed.presents.keys():
        failures[None] = RefusedError(
            f"stage {min(missing)} does not exist: remove it from the stages, or deploy it again"
        )
    return Outcome(observed, failures, reason)


def report(work: Work, outcome: Outcome) -> None:
    """Print the metrics of a run that succeeded.

    A run that failed prints none, so that the alarm on missing data tells of it. One that found
    no certificate at all prints -1.
    """
    values: dict[str, float] = {}
    if not outcome.observed.generations:
        values[Metric.DAYS_TO_EXPIRY] = metrics.GONE
    elif not outcome.failures:
        presented = set(outcome.observed.presents.values())
        presentable = [it for it in outcome.observed.generations if it.id in presented]
        expires = min(it.expires for it in presentable or outcome.observed.generations)
        values[Metric.DAYS_TO_EXPIRY] = metrics.days_to_expiry(expires, work.now)
        values[Metric.ROTATION_HELD] = float(outcome.held is not None)
    if values:
        metrics.emit(work.settings.stack_name, work.settings.logical_id, values, work.now)


def check_deployed(work: Work, outcome: Outcome) -> None:
    """Check that each stage presents a certificate of the resource that is in the trust bundle.

    A deploy does not fail because a rotation cannot go on, for example while the quota is full or
    something else uses an old certificate: the rollback would fail as well. Scheduled runs do.

    Raises:
        RefusedError: A stage does not. The text says why.
    """
    observed = outcome.observed
    trusted = {it.id for it in observed.generations if contains(observed.bundle, it.pem)}
    for stage in work.settings.stages:
        if observed.presents.get(stage.path) not in trusted:
            reasons = "; ".join(map(str, outcome.failures.values())) or (
                "another run has changed this resource at a later time: deploy again"
            )
            raise RefusedError(
                f"stage {stage.path} does not present a published certificate: {reasons}"
            )


def _first(steps: list[Step], finished: set[Step]) -> Step | None:
    return next((step for step in steps if step not in finished), None)


def _may_retry(error: ApiError, generates: int) -> bool:
    """Return whether to look for what an ambiguous call may have issued, and to try again."""
    return error.fault is Fault.AMBIGUOUS and generates < MAX_GENERATES
