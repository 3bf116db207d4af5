"""Create, update and delete a client certificate, as plain functions over `ApiGateway`.

The rules that hold whatever fails, and whenever: Create never deletes; what a request made carries
its three tags from the first moment; and nothing is deleted that does not carry the tags of the
very request whose certificate goes.
"""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Final

from . import faults
from .api_gateway import ApiError, ApiGateway, Certificate, OutOfTimeError
from .contract import Attribute, OwnTag
from .faults import Fault
from .request import PLACEHOLDER_PREFIX, Properties, Request, own_tags

MAX_GENERATES: Final = 3
"""POSTs of one invocation that may each have made a certificate."""
REQUEST_LIFETIME: Final = timedelta(days=1)
"""Longer than Lambda keeps an event and CloudFormation waits for it (6 h and 1 h)."""

Remember = Callable[[str], None]
"""Called with a certificate's ID at once when it is known."""


class RefusedError(Exception):
    """The request cannot be done; its text is the Reason."""


def create(api: ApiGateway, request: Request, remember: Remember) -> Certificate:
    """Make the certificate of this request, or find the one that an earlier delivery made.

    Raises `RefusedError`, `ApiError`, `OutOfTimeError`.
    """
    _refuse_expired(request)
    for attempt in count(1):
        now = datetime.now(UTC)
        made = list(_carrying(api, request.own_tags, api.certificates(), around=now))
        if made:
            # The oldest: redeliveries agree on it, however many of them raced.
            certificate = min(made, key=lambda found: (found.created or now, found.id))
            remember(certificate.id)
            api.log.info("adopted", extra={"certificate_id": certificate.id})
            return certificate
        try:
            certificate = api.generate(
                request.wanted.description, {**request.wanted.tags, **request.own_tags}
            )
        except ApiError as error:
            if error.fault is not Fault.UNCERTAIN or attempt == MAX_GENERATES:
                raise
            api.log.warning("may have generated, looking", extra={"attempt": attempt})
            api.sleep(faults.pause(attempt, 0.5, random.random()))
        else:
            remember(certificate.id)
            api.log.info("generated", extra={"certificate_id": certificate.id})
            return certificate
    raise AssertionError("unreachable")


def update(api: ApiGateway, request: Request, remember: Remember) -> Certificate:
    """Change the live certificate to what the template wants; make one where it is gone.

    A certificate that somebody deleted by hand is made anew: FAILED would make the rollback, an
    Update too, fail as well and wedge the stack. Raises as `create` does.
    """
    _refuse_expired(request)
    live = api.get(request.physical_id) if _can_be_id(request.physical_id) else None
    if live is None:
        api.log.warning("gone, making a new one", extra={"certificate_id": request.physical_id})
        return create(api, request, remember)
    description = description_change(live.description, request.wanted, request.former)
    if description is not None:
        api.describe(live, description)
    added, removed = tag_changes(api.tags(live), request.wanted, request.former)
    if removed:  # first, so that the new ones find room
        api.untag(live, removed)
    if added:
        api.tag(live, added)
    return live


def delete(api: ApiGateway, request: Request) -> None:
    """Delete the certificate and its siblings: what deliveries of the same request made besides.

    Content when there is nothing to delete. Raises `RefusedError`, `ApiError`, `OutOfTimeError`.
    """
    for certificate in _to_delete(api, request):
        _delete_when_free(api, certificate.id)
        api.log.info("deleted", extra={"certificate_id": certificate.id})


def attributes(certificate: Certificate) -> dict[str, str]:
    """What `Fn::GetAtt` reads, strings only. Raises `RefusedError` where something is missing."""
    if not (certificate.pem and certificate.created and certificate.expires):
        raise RefusedError(
            f"API Gateway told no PEM or no dates of client certificate {certificate.id}: try again"
        )
    return {
        Attribute.ID: certificate.id,
        Attribute.ARN: certificate.arn,
        Attribute.PEM: certificate.pem,
        Attribute.CREATED: _iso(certificate.created),
        Attribute.EXPIRATION: _iso(certificate.expires),
    }


def description_change(live: str, wanted: Properties, former: Properties) -> str | None:
    """The description to write; None for none. One that the template dropped is cleared."""
    dropped = wanted.description is None and former.description is not None
    target = "" if dropped else wanted.description
    return target if target is not None and target != live else None


def tag_changes(
    live: Mapping[str, str], wanted: Properties, former: Properties
) -> tuple[dict[str, str], list[str]]:
    """The tags to write and the keys to remove.

    Only keys that the template had and dropped are removed: others, the handler's own among them,
    were put there by somebody else.
    """
    written = {key: value for key, value in wanted.tags.items() if live.get(key) != value}
    removed = [
        key
        for key in former.tags
        if key in live and key not in wanted.tags and not key.startswith(OwnTag.PREFIX)
    ]
    return written, removed


def _refuse_expired(request: Request) -> None:
    if request.expires <= time.time():
        raise RefusedError(
            "the request came after its ResponseURL had expired, when CloudFormation no longer "
            "listened: nothing was made or changed; deploy again"
        )


def _to_delete(api: ApiGateway, request: Request) -> list[Certificate]:
    """What goes: siblings first, so that a Delete that is cut short finds the rest when redone."""
    physical_id = request.physical_id
    if physical_id.startswith(PLACEHOLDER_PREFIX):
        marks = own_tags(
            request.stack_id, request.logical_id, physical_id.removeprefix(PLACEHOLDER_PREFIX)
        )
        return list(_carrying(api, marks, api.certificates(), around=None))
    if not _can_be_id(physical_id):
        api.log.info("nothing to delete: not the ID of a certificate")
        return []
    certificates = api.certificates()
    own = next((found for found in certificates if found.id == physical_id), None)
    if own is None:
        api.log.info("nothing to delete: gone", extra={"certificate_id": physical_id})
        return []
    marks = {key: value for key, value in api.tags(own).items() if key.startswith(OwnTag.PREFIX)}
    if marks.get(OwnTag.STACK, request.stack_id) != request.stack_id:
        api.log.warning("left alone: another stack's", extra={"certificate_id": physical_id})
        return []
    if marks.keys() != request.own_tags.keys() or marks[OwnTag.LOGICAL] != request.logical_id:
        return [own]
    siblings = _carrying(api, marks, certificates, around=own.created)
    return [*(found for found in siblings if found.id != own.id), own]


def _carrying(
    api: ApiGateway,
    marks: Mapping[str, str],
    certificates: Iterable[Certificate],
    around: datetime | None,
) -> Iterator[Certificate]:
    """The certificates that carry all these tags.

    Whether the real list tells tags is unverified. Where it tells none, each certificate is asked
    for its own, but only those made within a request's lifetime `around` a moment.
    """
    certificates = list(certificates)
    told = any(found.tags is not None for found in certificates)
    for found in certificates:
        if told:
            tags = found.tags or {}
        elif around and found.created and abs(found.created - around) > REQUEST_LIFETIME:
            continue
        else:
            tags = api.tags(found)
        if marks.items() <= tags.items():
            yield found


def _delete_when_free(api: ApiGateway, id: str) -> None:
    """Delete once no stage uses the certificate, or fail with the names of the stages in time."""
    to_name_stages = min(15.0, 0.2 * api.seconds)
    for attempt in count(1):
        try:
            return api.delete(id)
        except ApiError as error:
            if error.fault is Fault.MISSING:
                return None
            if error.fault not in (Fault.REFUSED, Fault.CONFLICT):
                raise
            pause = faults.pause(attempt, 0.5, random.random())
            if api.seconds_left() <= pause + to_name_stages:
                raise RefusedError(_in_use_reason(api, id, error)) from None
            api.log.info("in use, waiting", extra={"certificate_id": id, "attempt": attempt})
            api.sleep(pause)


def _in_use_reason(api: ApiGateway, id: str, refusal: ApiError) -> str:
    stages: list[str] = []
    unread = ""
    try:
        stages.extend(api.stages_using(id))
    except (ApiError, OutOfTimeError) as error:
        unread = f"the stages could not all be read: {error}"
    if stages:
        advice = "take it off them or delete them, then delete again"
        return "; ".join(
            filter(
                None,
                (f"client certificate {id} is in use by {', '.join(stages)}: {advice}", unread),
            )
        )
    found = unread or "no stage of a REST API uses it"
    return f"client certificate {id} could not be deleted: {found}; {refusal}"


def _can_be_id(physical_id: str) -> bool:
    """Whether a call for this ID could only ever mean one certificate: no path, no empty name."""
    return physical_id.isascii() and physical_id.replace("-", "").isalnum()


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
