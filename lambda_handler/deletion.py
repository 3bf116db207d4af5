"""Delete a client certificate, and any other that deliveries of the same request made."""

import logging
import random
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import count
from typing import Final

from . import faults, physical_id
from .api_gateway import ApiGateway, Certificate, StageUses
from .calls import ApiError
from .contract import OwnTag
from .deadline import Deadline
from .errors import RefusedError
from .faults import Fault
from .invocation import Invocation
from .ownership import made_by, tags_of_request
from .request import Request
from .search import ANY_TIME, Window, find

logger = logging.getLogger(__name__)

REQUEST_LIFETIME: Final = timedelta(days=1)
"""Longer than Lambda keeps an event and CloudFormation waits for its response (6 h and 1 h)."""


def delete(invocation: Invocation) -> dict[str, str]:
    """Delete what the resource owns under the request's physical ID. Finding nothing is success.

    Returns:
        No attributes.

    Raises:
        RequestError: A certificate could not be deleted; the text is the Reason.
    """
    for certificate in _owned(invocation.api, invocation.request):
        delete_when_unused(invocation.api, invocation.deadline, certificate.id)
        logger.info("deleted", extra={"certificate_id": certificate.id})
    return {}


def _owned(api: ApiGateway, request: Request) -> list[Certificate]:
    """Return the certificates to delete.

    The one that the physical ID names comes last, because its request tag leads to the others: a
    Delete that is cut short can then find them when it is redelivered.
    """
    id = request.physical_id
    if (request_id := physical_id.request_id(id)) is not None:
        return list(_made_by_request(api, request, request_id, api.certificates(), ANY_TIME))
    if not physical_id.is_certificate_id(id):
        logger.info("nothing to delete: not the ID of a certificate")
        return []
    if id == request.desired.adopt:
        logger.info("not deleted: adopted", extra={"certificate_id": id})
        return []
    certificates = list(api.certificates())
    # The list may not show a new certificate yet.
    named = next((it for it in certificates if it.id == id), None) or api.get(id)
    if named is None:
        logger.info("nothing to delete: gone", extra={"certificate_id": id})
        return []
    tags = api.tags(named)
    if not made_by(request, tags):
        logger.warning("not deleted: not made by this resource", extra={"certificate_id": id})
        return []
    siblings = _made_by_request(
        api, request, tags[OwnTag.REQUEST], certificates, _request_lifetime(named.created)
    )
    return [*(it for it in siblings if it.id != id), named]


def _made_by_request(
    api: ApiGateway,
    request: Request,
    request_id: str,
    certificates: Iterable[Certificate],
    created: Window,
) -> Iterator[Certificate]:
    tags = tags_of_request(request, request_id).items()
    return find(api, lambda found: tags <= found.items(), certificates, created)


def _request_lifetime(moment: datetime | None) -> Window:
    """Return the period in which a request can be delivered, one delivery of which is known."""
    if moment is None:
        return ANY_TIME
    return Window(moment - REQUEST_LIFETIME, moment + REQUEST_LIFETIME)


def delete_when_unused(api: ApiGateway, deadline: Deadline, id: str) -> None:
    """Delete a certificate once no stage uses it.

    Raises:
        RefusedError: A stage still uses it shortly before the deadline. The text names the stages.
    """
    to_name_stages = min(15.0, 0.2 * deadline.seconds)
    for attempt in count(1):
        try:
            return api.delete(id, earlier_attempts=attempt - 1)
        except ApiError as error:
            if error.fault is Fault.NOT_FOUND:
                return None
            if error.fault not in (Fault.REJECTED, Fault.CONFLICT):
                raise
            wait = faults.backoff(attempt, 0.5, random.random())
            if deadline.seconds_left() <= wait + to_name_stages:
                raise RefusedError(refusal(api.stages_using(id), id, error)) from None
            fields = {"certificate_id": id, "attempt": attempt}
            logger.info("not deleted, it may be in use: waiting", extra=fields)
            deadline.sleep(wait)


def refusal(uses: StageUses, id: str, error: ApiError) -> str:
    """Return why a certificate could not be deleted, with the stages that use it."""
    if uses.stages:
        what = f"client certificate {id} is in use by {', '.join(uses.stages)}"
        remedy = "remove it from them or delete them, then delete again"
        return "; ".join(filter(None, (f"{what}: {remedy}", uses.unread)))
    found = uses.unread or "no stage of a REST or WebSocket API uses it"
    return f"client certificate {id} could not be deleted: {found}; {error}"
