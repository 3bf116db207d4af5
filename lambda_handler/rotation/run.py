"""One run for one resource: observe, plan and carry out the first step, until none is left."""

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
"""How far in the future a tag's time may be. EventBridge delivers no run as late as this."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    observed: Observed
    failures: list[RequestError]
    held: str | None
    """Why a backend check holds the switch back, None if none does."""


def converge(work: Work, policy: Policy, deadline: Deadline) -> Outcome:
    """Carry out steps until nothing is left to do, or until all that is left has failed.

    Every step is decided by an observation that is newer than the last step. A step that failed
    does not keep the others from being carried out.

    Raises:
        RequestError: The resource could not be observed, or the time ran out.
    """
    failures: list[RequestError] = []
    finished: set[Step] = set()
    accepts: dict[str, bool] = {}
    generates = 0
    observed = work.observer.observe(again=False)
    if plan(observed, policy, work.now):
        observed = work.observer.observe(again=True)
    while step := _first(plan(replace(observed, accepts=accepts), policy, work.now), finished):
        # No step is carried out twice, even if reads do not show its effect yet.
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
                failures.append(error)
        except RefusedError as error:
            failures.append(error)
        observed = work.observer.observe(again=True)
    observed = replace(observed, accepts=accepts)
    failures += _problems(work, observed)
    reason = held(observed, policy, work.now)
    if reason is not None:
        try:
            _announce_held(work, observed, reason)
        except RequestError as error:
            failures.append(error)
    return Outcome(observed, failures, reason)


def report(work: Work, outcome: Outcome) -> None:
    """Print the metrics of a run that succeeded.

    A run that failed prints none, so that the alarm on missing data fires. A run that found no
    certificate at all prints -1 day.
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
    something else uses an old certificate: its rollback would fail too. A scheduled run does fail.

    Raises:
        RefusedError: A stage presents another certificate or none. The text says why.
    """
    observed = outcome.observed
    trusted = {it.id for it in observed.generations if contains(observed.bundle, it.pem)}
    for stage in work.settings.stages:
        if observed.presents.get(stage.path) not in trusted:
            reasons = "; ".join(map(str, outcome.failures)) or (
                "another run has changed this resource at a later time: deploy again"
            )
            raise RefusedError(
                f"stage {stage.path} does not present a published certificate: {reasons}"
            )


def _problems(work: Work, observed: Observed) -> list[RequestError]:
    """Return what no step can put right."""
    problems: list[RequestError] = []
    if observed.newest_state is not None and observed.newest_state - work.now > MAX_CLOCK_SKEW:
        problems.append(
            RefusedError(
                f"a tag {OwnTag.PREFIX}*-at of a client certificate says "
                f"{observed.newest_state.isoformat()}, which is in the future, so nothing is done "
                "before then: remove that tag (aws apigateway untag-resource)"
            )
        )
    if missing := {it.path for it in work.settings.stages} - observed.presents.keys():
        problems.append(
            RefusedError(
                f"stage {min(missing)} does not exist: remove it from the stages, or deploy it "
                "again"
            )
        )
    return problems


def _announce_held(work: Work, observed: Observed, reason: str) -> None:
    logger.warning("held", extra={"reason": reason})
    if next_ := next_generation(observed, work.now):
        emit(work, "Rotation Held", next_, message=reason)


def _first(steps: list[Step], finished: set[Step]) -> Step | None:
    return next((step for step in steps if step not in finished), None)


def _may_retry(error: ApiError, generates: int) -> bool:
    """Return whether to look for what an ambiguous call may have issued, and to try again."""
    return error.fault is Fault.AMBIGUOUS and generates < MAX_GENERATES
