"""Create, update and look up a client certificate.

Two rules hold whatever fails. Create and Update never delete a certificate. And a certificate is
created together with its request's tags, so that another delivery of the request finds it instead
of creating a second one.
"""

import logging
import random
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from . import changes, faults, metrics, physical_id
from .api_gateway import ApiGateway, Certificate
from .calls import ApiError
from .contract import Metric, OwnTag
from .errors import RefusedError
from .faults import Fault
from .invocation import Invocation
from .ownership import made_by, other_owner, tags_of_adopter, tags_of_request
from .request import PreviousProperties, Request
from .search import ANY_TIME, Window, find

logger = logging.getLogger(__name__)

MAX_GENERATES: Final = 6
"""Calls of one invocation that may each have created a certificate."""
MAX_GENERATE_BACKOFF: Final = 16.0
"""Seconds. With it, six calls take about a minute, the retry budget of other ambiguous calls."""
CLOCK_SKEW: Final = timedelta(minutes=5)
"""How far the clocks of CloudFormation, Lambda and API Gateway may be apart."""
FIRST_DELIVERY: Final = timedelta(seconds=45)
"""An event younger than this was not delivered before: Lambda redelivers after a minute."""


def create(invocation: Invocation) -> dict[str, str]:
    """Make the certificate of a request, or find the one that an earlier delivery of it made.

    Returns:
        The attributes.

    Raises:
        RequestError: The request failed; the text is the Reason.
    """
    refuse_late(invocation.request.listening_until)
    adopts = invocation.request.desired.adopt is not None
    certificate = _adopt(invocation) if adopts else _make(invocation)
    return _attributes(invocation, certificate)


def update(invocation: Invocation) -> dict[str, str]:
    """Bring the resource's certificate to its desired state. Returns and raises as `create`.

    A certificate that somebody deleted by hand is replaced: a failure would make the rollback,
    which is an Update too, fail as well and leave the stack in `UPDATE_ROLLBACK_FAILED`.
    """
    request = invocation.request
    refuse_late(request.listening_until)
    if not request.adoption_changed:
        certificate = _update_in_place(invocation)
    elif request.desired.adopt is not None:
        certificate = _adopt(invocation)
    else:
        certificate = _return_to_own(invocation)
    return _attributes(invocation, certificate)


def look_up(invocation: Invocation) -> dict[str, str]:
    """Read a certificate that must exist. Returns and raises as `create`."""
    certificate = _existing(invocation.api, invocation.request.desired.lookup or "")
    invocation.set_physical_id(physical_id.of_lookup(certificate.id))
    return _attributes(invocation, certificate)


def refuse_late(listening_until: float) -> None:
    """Refuse a request whose response CloudFormation does not wait for any more.

    It would not delete what such a request created.

    Raises:
        RefusedError: CloudFormation has stopped listening.
    """
    if listening_until <= time.time():
        raise RefusedError(
            "the request arrived when CloudFormation had stopped listening (its ServiceTimeout or "
            "its ResponseURL had expired): nothing was made or changed; deploy again"
        )


def _adopt(invocation: Invocation) -> Certificate:
    """Take over an existing certificate; `ownership` says what that means."""
    request = invocation.request
    if own := _own_if_adopted_ones_are_gone(invocation):
        _change(invocation.api, request, own)
        return own
    live = _existing(invocation.api, request.desired.adopt or "")
    if owner := other_owner(request.stack_id, invocation.api.tags(live)):
        raise RefusedError(
            f"client certificate {live.id} belongs to stack {owner}: let that stack retain it "
            "(RemovalPolicy.RETAIN), remove it from the stack, then remove its tags "
            f"{OwnTag.PREFIX}* (aws apigateway untag-resource)"
        )
    _change(invocation.api, request, live)
    invocation.set_physical_id(live.id)
    return live


def _own_if_adopted_ones_are_gone(invocation: Invocation) -> Certificate | None:
    """Return the resource's own certificate if the one to adopt does not exist.

    A resource whose adopted certificate was deleted by hand has made its own. It keeps that one if
    an Update then names another certificate that does not exist: otherwise the Update would fail,
    and its rollback, which names the deleted certificate, as well.
    """
    request, api = invocation.request, invocation.api
    if request.previous.adopt is None or api.get(request.desired.adopt or ""):
        return None
    live = _known_to_cloudformation(api, request)
    return live if live and made_by(request, api.tags(live)) else None


def _update_in_place(invocation: Invocation) -> Certificate:
    request = invocation.request
    live = _known_to_cloudformation(invocation.api, request)
    if live is None:
        logger.warning("gone, making another", extra={"certificate_id": request.physical_id})
        return _make(invocation)
    _change(invocation.api, request, live)
    return live


def _known_to_cloudformation(api: ApiGateway, request: Request) -> Certificate | None:
    """Return the certificate that the physical ID names, None if there is none."""
    known = physical_id.is_certificate_id(request.physical_id)
    return api.get(request.physical_id) if known else None


def _return_to_own(invocation: Invocation) -> Certificate:
    """Return to the certificate that the resource made before it adopted one, or make one.

    The physical ID does not tell which that is: after a failed Update it may be either's.
    """
    request = invocation.request
    own = _find_or_make(invocation, partial(made_by, request), ANY_TIME)
    _change(invocation.api, request, own)
    return own


def _make(invocation: Invocation) -> Certificate:
    """Make a certificate, unless an earlier delivery of the request made it."""
    request = invocation.request
    tags = tags_of_request(request, request.request_id)
    sent, started = request.sent, invocation.deadline.started
    created = ANY_TIME
    if sent is not None:
        # Otherwise each of many requests that arrive together would read the tags of the
        # certificates that the others create.
        first = started - sent < FIRST_DELIVERY
        created = Window(sent - CLOCK_SKEW, started if first else None)
    return _find_or_make(invocation, lambda found: tags.items() <= found.items(), created)


def _find_or_make(
    invocation: Invocation, matches: Callable[[Mapping[str, str]], bool], created: Window
) -> Certificate:
    """Return the certificate whose tags match, and make one if there is none.

    Args:
        invocation: The request, and what carries it out.
        matches: Decides by a certificate's tags.
        created: The period in which a certificate that exists already was created. After an
            ambiguous call it has no end.
    """
    request, api = invocation.request, invocation.api
    generates = 0
    while True:
        found = list(find(api, matches, api.certificates(), created))
        if found:
            certificate = _choose(found, request.physical_id)
            invocation.set_physical_id(certificate.id)
            logger.info("found", extra={"certificate_id": certificate.id})
            return certificate
        try:
            certificate = api.generate(
                request.desired.description,
                {**request.desired.tags, **tags_of_request(request, request.request_id)},
                earlier_attempts=generates,
            )
        except ApiError as error:
            generates += 1
            if error.fault is not Fault.AMBIGUOUS or generates == MAX_GENERATES:
                raise
            logger.warning("may have generated, looking", extra={"attempt": generates})
            created = replace(created, latest=None)
            at_least = min(2.0**generates, MAX_GENERATE_BACKOFF)
            invocation.deadline.sleep(faults.backoff(generates, at_least, random.random()))
        else:
            invocation.set_physical_id(certificate.id)
            logger.info("generated", extra={"certificate_id": certificate.id})
            return certificate


def _choose(found: Iterable[Certificate], known_id: str) -> Certificate:
    """Choose among certificates that one resource made.

    Choose the one that CloudFormation knows, if it is among them. Otherwise choose among those of
    the latest request, since earlier ones were replaced. Of these, choose the oldest: deliveries
    of the request that run at the same time then choose the same one.
    """
    by_age = sorted(found, key=lambda it: (it.created or datetime.now(UTC), it.id))
    latest = (by_age[-1].tags or {})[OwnTag.REQUEST]
    of_latest = (it for it in by_age if (it.tags or {})[OwnTag.REQUEST] == latest)
    return next((it for it in by_age if it.id == known_id), next(of_latest))


def _change(api: ApiGateway, request: Request, live: Certificate) -> None:
    """Write what differs from the live certificate: tags first, and the description last.

    The previous properties count only if they describe this certificate. The tags and description
    that an adopted certificate had before stay, unless the template has the same ones.
    """
    in_place = live.id == request.physical_id and not request.adoption_changed
    previous = request.previous if in_place else PreviousProperties()
    desired = dict(request.desired.tags)
    tags = api.tags(live)
    if live.id == request.desired.adopt and not made_by(request, tags):
        desired |= tags_of_adopter(request)
        if OwnTag.REQUEST in tags:  # first, so that the other resource cannot delete it
            api.untag(live, [OwnTag.REQUEST])
    written, removed = changes.tag_changes(tags, desired, previous.tags)
    if removed:  # before new tags, which need room
        api.untag(live, removed)
    if written:
        api.tag(live, written)
    description = changes.description_change(
        live.description, request.desired.description, previous.description
    )
    if description is not None:
        api.describe(live, description)


def _existing(api: ApiGateway, id: str) -> Certificate:
    certificate = api.get(id)
    if certificate is None:
        raise RefusedError(
            f"client certificate {id} does not exist in this account and Region: check the ID "
            "(aws apigateway get-client-certificates)"
        )
    return certificate


def _attributes(invocation: Invocation, certificate: Certificate) -> dict[str, str]:
    """Return the attributes, and print the metric, so that a new alarm has data.

    Read the certificate again if the list or create response omitted its PEM or dates.
    """
    request, now = invocation.request, datetime.now(UTC)
    if not (certificate.pem and certificate.created and certificate.expires):
        certificate = invocation.api.get(certificate.id) or certificate
    if certificate.expires:
        days = metrics.days_to_expiry(certificate.expires, now)
        metrics.emit(request.stack_name, request.logical_id, {Metric.DAYS_TO_EXPIRY: days}, now)
    return changes.attributes(certificate)
