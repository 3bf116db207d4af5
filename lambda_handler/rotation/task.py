"""The task `rotate`: a run for each rotating certificate of the event.

The stack's schedule invokes the function with this task every hour. An EventBridge rule invokes it
when CloudFormation has updated the stack of a managed stage.
"""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from .. import clock, log
from ..api_gateway import ApiGateway
from ..calls import CALL_SECONDS, Caller
from ..contract import Task
from ..deadline import Deadline
from ..errors import InvalidRequestError, RefusedError, RequestError
from . import settings
from .carry_out import Work
from .observe import Listing
from .run import converge, report
from .services import Services

logger = logging.getLogger(__name__)


def run(event: Mapping[str, Any], context: Any) -> None:
    """Rotate each resource listed in an event. One that fails does not stop the others.

    Raises:
        RequestError: A run failed. The text names each, and why.
    """
    listed = event.get(Task.RESOURCES)
    if not isinstance(listed, list):
        raise InvalidRequestError(f"{Task.RESOURCES} must be a list of objects, not {listed!r}")
    now = clock.later(event.get(Task.TIME), datetime.now(UTC)).replace(microsecond=0)
    seconds = 0.9 * context.get_remaining_time_in_millis() / 1000
    call_seconds = min(CALL_SECONDS, seconds / 3)
    deadline = Deadline(seconds, call_seconds)
    listing = Listing()
    failures = []
    for position, entry in enumerate(listed):
        # Each gets an equal part of the time left, so that retries for one leave time for others.
        share = deadline.share(len(listed) - position)
        name = f"{Task.RESOURCES}[{position}]"
        try:
            resource = _read(entry)
            name = resource.logical_id
            log.request_fields.set({"stack_id": resource.stack_id, "logical_id": name})
            caller = Caller(share, call_seconds)
            api, services = ApiGateway(caller), Services(caller)
            _run(Work(resource, api, services, listing, context.aws_request_id, now), share)
        except Exception as error:
            known = isinstance(error, RequestError)
            reason = str(error) if known else f"unexpected {type(error).__name__}: {error}"
            logger.error("run failed", extra={"error": reason}, exc_info=not known)
            failures.append(f"{name}: {reason}")
    if failures:
        raise RequestError(f"{len(failures)} of {len(listed)} runs failed: {'; '.join(failures)}")


def _read(entry: Any) -> settings.Settings:
    if not isinstance(entry, Mapping):
        raise InvalidRequestError(f"it must be an object, not {entry!r}")
    stack_id, logical_id = entry.get(Task.STACK_ID), entry.get(Task.LOGICAL_ID)
    if not isinstance(stack_id, str) or not isinstance(logical_id, str):
        raise InvalidRequestError(
            f"{Task.STACK_ID} and {Task.LOGICAL_ID} must be strings, not {stack_id!r} and "
            f"{logical_id!r}"
        )
    return settings.read(stack_id, logical_id, entry)


def _run(work: Work, deadline: Deadline) -> None:
    outcome = converge(work, work.settings.policy, deadline)
    report(work, outcome)
    if not outcome.observed.generations:
        raise RefusedError(
            "no client certificate of this resource exists any more: deploy it with another "
            "description, so that CloudFormation updates it, and a new one is issued"
        )
    if outcome.failures:
        raise RequestError("; ".join(map(str, outcome.failures)))
