"""Create, update and delete a client certificate, as plain functions over `ApiGateway`.

The rules that hold whatever fails, and whenever: Create never deletes; what a request made carries
its three tags from the first moment; and nothing is deleted but the certificate that CloudFormation
names and those that carry the tags of the very same request.
"""

import random
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Final

from . import faults
from .api_gateway import ApiError, ApiGateway, Certificate, OutOfTimeError
from .contract import LOOKUP_ID_PREFIX, Attribute, OwnTag
from .faults import Fault
from .request import PLACEHOLDER_PREFIX, Properties, Request, can_be_id, own_tags

MAX_GENERATES: Final = 3
"""POSTs of one invocation that may each have made a certificate."""
REQUEST_LIFETIME: Final = timedelta(days=1)
"""Longer than Lambda keeps an event and CloudFormation waits for it (6 h and 1 h)."""

Remember = Callable[[str], None]
"""Called with a certificate's ID at once when it is known."""


class RefusedError(Exception):
    """The request cannot be done; its text is the Reason."""


def fulfil(api: ApiGateway, request: Request, remember: Remember) -> dict[str, str]:
    """Do what a request asks for and return its attributes.

    Raises `RefusedError`, `ApiError`, `OutOfTimeError`.
    """
    match request.type:
        case "Delete":
            if not request.looks_up:
                delete(api, request)
            return {}
        case _ if request.looks_up:
            certificate = look_up(api, request.wanted.lookup or "")
            remember(LOOKUP_ID_PREFIX + certificate.id)
        case "Create":
            certificate = create(api, request, remember)
        case _:
            certificate = update(api, request, remember)
    return attributes(_whole(api, certificate))


def create(api: ApiGateway, request: Request, remember: Remember) -> Certificate:
    """Make the certificate of this request, or find the one that an earlier delivery made.

    Raises `RefusedError`, `ApiError`, `OutOfTimeError`.
    """
    _refuse_expired(request)
    if request.wanted.adopt:
        return _adopt(api, request, request.wanted.adopt, remember)
    return _make(api, request, remember)


def _make(api: ApiGateway, request: Request, remember: Remember) -> Certificate:
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
    adopt = request.wanted.adopt
    if adopt and adopt not in (request.former.adopt, request.physical_id):
        return _adopt(api, request, adopt, remember)
    live = api.get(request.physical_id) if can_be_id(request.physical_id) else None
    if live is None:
        api.log.warning("gone, making a new one", extra={"certificate_id": request.physical_id})
        return _make(api, request, remember)
    _change(api, request, live, request.wanted.tags)
    return live


def _adopt(api: ApiGateway, request: Request, id: str, remember: Remember) -> Certificate:
    """Take an existing certificate into the stack's care.

    It gets no tag of the request: were this to fail half-way, the Delete that sweeps what the
    request made must not find it.
    """
    live = look_up(api, id)
    owner = api.tags(live).get(OwnTag.STACK, request.stack_id)
    if owner != request.stack_id:
        raise RefusedError(
            f"client certificate {id} belongs to stack {owner}: take it out of that stack, then "
            f"remove its tags {OwnTag.PREFIX}* (aws apigateway untag-resource)"
        )
    _change(api, request, live, {**request.wanted.tags, **_marks_of_care(request)})
    remember(id)
    return live


def look_up(api: ApiGateway, id: str) -> Certificate:
    """A certificate that must exist. Raises `RefusedError`, `ApiError`, `OutOfTimeError`."""
    certificate = api.get(id)
    if certificate is None:
        raise RefusedError(
            f"client certificate {id} does not exist in this account and Region: check the ID "
            "(aws apigateway get-client-certificates)"
        )
    return certificate


def _marks_of_care(request: Request) -> dict[str, str]:
    return {OwnTag.STACK: request.stack_id, OwnTag.LOGICAL: request.logical_id}


def _change(api: ApiGateway, request: Request, live: Certificate, tags: Mapping[str, str]) -> None:
    """Write what differs from the live certificate, and nothing else."""
    description = description_change(live.description, request.wanted, request.former)
    if description is not None:
        api.describe(live, description)
    added, removed = tag_changes(api.tags(live), tags, request.former.tags)
    if removed:  # first, so that the new ones find room
        api.untag(live, removed)
    if added:
        api.tag(live, added)


def delete(api: ApiGateway, request: Request) -> None:
    """Delete the certificate and its siblings: what deliveries of the same request made besides.

    Content when there is nothing to delete. Raises `RefusedError`, `ApiError`, `OutOfTimeError`.
    """
    for certificate in _to_delete(api, request):
        _delete_when_free(api, certificate.id)
        api.log.info("deleted", extra={"certificate_id": certificate.id})


def _whole(api: ApiGateway, certificate: Certificate) -> Certificate:
    """The certificate with its PEM and dates, should a list or a generate not have told them."""
    told = certificate.pem and certificate.created and certificate.expires
    return certificate if told else api.get(certificate.id) or certificate


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
    live: Mapping[str, str], wanted: Mapping[str, str], former: Collection[str]
) -> tuple[dict[str, str], list[str]]:
    """The tags to write and the keys to remove.

    Only keys that the template had and dropped are removed: others, the handler's own among them,
    were put there by somebody else.
    """
    written = {key: value for key, value in wanted.items() if live.get(key) != value}
    removed = [
        key
        for key in former
        if key in live and key not in wanted and not key.startswith(OwnTag.PREFIX)
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
    if request.wanted.adopt:
        # The construct retains it; should a Delete come all the same, a rollback's say, the
        # certificate was there before the stack.
        api.log.info("left alone: adopted", extra={"certificate_id": physical_id})
        return []
    if physical_id.startswith(PLACEHOLDER_PREFIX):
        marks = own_tags(
            request.stack_id, request.logical_id, physical_id.removeprefix(PLACEHOLDER_PREFIX)
        )
        return list(_carrying(api, marks, api.certificates(), around=None))
    if not can_be_id(physical_id):
        api.log.info("nothing to delete: not the ID of a certificate")
        return []
    certificates = list(api.certificates())
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
    """The certificates that carry all these tags; no more of them is kept than that takes.

    Whether the real list tells tags is unverified. Where it tells none, each certificate is asked
    for its own, but only those made within a request's lifetime `around` a moment.
    """
    told = False
    untold: list[Certificate] = []
    for found in certificates:
        if found.tags is not None:
            told = True
            if marks.items() <= found.tags.items():
                yield found
        elif not told and _made(found, around):
            untold.append(found)
    if not told:
        yield from (found for found in untold if marks.items() <= api.tags(found).items())


def _made(found: Certificate, around: datetime | None) -> bool:
    return not (around and found.created) or abs(found.created - around) <= REQUEST_LIFETIME


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


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
