"""The task `monitor`: print the days to expiry of each certificate that a stack monitors.

The stack's schedule invokes the function with this task every 12 hours.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from . import clock, metrics
from .api_gateway import ApiGateway
from .calls import CALL_SECONDS, Caller
from .contract import Metric, Task
from .deadline import Deadline
from .errors import InvalidRequestError, RefusedError, RequestError
from .physical_id import is_certificate_id

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Monitored:
    """A certificate, and the dimensions of its metric."""

    stack_name: str
    logical_id: str
    certificate_id: str

    def __str__(self) -> str:
        return f"client certificate {self.certificate_id} ({self.stack_name}/{self.logical_id})"


def run(event: Mapping[str, Any], context: Any) -> None:
    """Check the certificates of an event. One that cannot be checked does not stop the others.

    Raises:
        RequestError: Certificates could not be checked. The text names each, and why.
    """
    listed = event.get(Task.CERTIFICATES)
    if not isinstance(listed, list):
        raise InvalidRequestError(f"{Task.CERTIFICATES} must be a list of objects, not {listed!r}")
    now = clock.later(event.get(Task.TIME), datetime.now(UTC))
    seconds = 0.9 * context.get_remaining_time_in_millis() / 1000
    call_seconds = min(CALL_SECONDS, seconds / 3)
    deadline = Deadline(seconds, call_seconds)
    failures = []
    for position, entry in enumerate(listed):
        # Each gets an equal part of the time left, so that retries for one leave time for others.
        share = deadline.share(len(listed) - position)
        name = f"{Task.CERTIFICATES}[{position}]"
        try:
            monitored = read(entry)
            name = str(monitored)
            _check(monitored, ApiGateway(Caller(share, call_seconds)), now)
        except Exception as error:
            known = isinstance(error, RequestError)
            reason = str(error) if known else f"unexpected {type(error).__name__}: {error}"
            fields = {"certificate": name, "error": reason}
            logger.error("not checked", extra=fields, exc_info=not known)
            failures.append(f"{name}: {reason}")
    if failures:
        raise RequestError(
            f"{len(failures)} of {len(listed)} certificates could not be checked: "
            + "; ".join(failures)
        )


def read(entry: Any) -> Monitored:
    """Read a member of the event's list.

    Raises:
        InvalidRequestError: It is not an object, or a value in it is missing or invalid.
    """
    if not isinstance(entry, Mapping):
        raise InvalidRequestError(f"it must be an object, not {entry!r}")
    names = (Metric.STACK_NAME, Metric.LOGICAL_ID, Task.CERTIFICATE_ID)
    for name in names:
        if not isinstance(entry.get(name), str) or not entry[name]:
            raise InvalidRequestError(f"{name} must be a non-empty string, not {entry.get(name)!r}")
    found = Monitored(*(entry[name] for name in names))
    if not is_certificate_id(found.certificate_id):
        raise InvalidRequestError(
            f"{Task.CERTIFICATE_ID} must be a certificate's ID, not {found.certificate_id!r}"
        )
    return found


def _check(monitored: Monitored, api: ApiGateway, now: datetime) -> None:
    certificate = api.get(monitored.certificate_id)
    if certificate is None:
        logger.error(
            "does not exist in this account and Region", extra={"certificate": str(monitored)}
        )
        days = metrics.GONE
    elif certificate.expires is None:
        raise RefusedError("API Gateway returned it without its expiration date")
    else:
        days = metrics.days_to_expiry(certificate.expires, now)
    metrics.emit(monitored.stack_name, monitored.logical_id, {Metric.DAYS_TO_EXPIRY: days}, now)
