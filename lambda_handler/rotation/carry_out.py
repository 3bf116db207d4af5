"""Carries out one step of a plan. Every step is idempotent."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, Final, assert_never

from .. import changes
from ..api_gateway import ApiGateway, Certificate
from ..calls import ApiError
from ..contract import OwnTag
from ..deletion import refusal
from ..errors import RefusedError
from ..faults import Fault
from ..ownership import other_owner
from .model import Generation, Observed
from .observe import Listing, Observer
from .plan import Adopt, Check, Delete, Generate, Mark, Publish, Release, Step, Switch
from .services import Services
from .settings import Settings, Stage

logger = logging.getLogger(__name__)

_STATE_TAGS: Final = {
    "published": OwnTag.PUBLISHED,
    "accepted": OwnTag.ACCEPTED,
    "retired": OwnTag.RETIRED,
}


@dataclass
class Work:
    """A run for one resource: its settings, its clients and its time."""

    settings: Settings
    api: ApiGateway
    services: Services
    listing: Listing
    request_id: str
    """The ID of CloudFormation's request, or of the invocation."""
    now: datetime

    @property
    def observer(self) -> Observer:
        return Observer(self.settings, self.api, self.services, self.listing)


def carry_out(work: Work, step: Step, observed: Observed) -> dict[str, bool]:
    """Carry out a step and emit its event.

    Returns:
        What the backend accepts, if it was asked.

    Raises:
        RequestError: The step failed, or its event could not be emitted.
    """
    generations = {it.id: it for it in observed.generations}
    logged = {it.name: getattr(step, it.name) for it in fields(step) if it.repr}
    logger.info("step", extra={"step": type(step).__name__, **logged})
    match step:
        case Generate(number):
            emit(work, "Client Certificate Generated", _generate(work, number))
        case Adopt(id):
            _adopt(work, id)
        case Publish(value):
            work.services.publish(work.settings, value)
            if all(it.published for it in observed.generations):  # else its mark announces it
                emit(work, "Trust Bundle Published", observed.generations[-1])
        case Mark(id, state, moment):
            if state == "published" and moment is not None:
                # Before the tag: if the event cannot be emitted, the next run repeats both.
                emit(work, "Trust Bundle Published", generations[id])
            written = None if moment is None else moment.astimezone(UTC).isoformat()
            tag(work, generations[id].certificate, {_STATE_TAGS[state]: written})
        case Check(ids):
            return _check(work, ids)
        case Switch(stage, id):
            work.services.present(_stages_by_path(work)[stage], id)
            emit(work, "Stages Switched", generations[id], stage=stage)
        case Delete(id):
            _delete(work, id)
            emit(work, "Client Certificate Retired", generations[id])
        case Release(id):
            release(work, generations[id])
            emit(work, "Client Certificate Retired", generations[id])
        case _:
            assert_never(step)
    return {}


def emit(work: Work, detail_type: str, generation: Generation, **more: Any) -> None:
    """Put an event about a generation on the default bus."""
    detail = {
        "stack": work.settings.stack_id,
        "logicalId": work.settings.logical_id,
        "generation": generation.number,
        "certificateId": generation.id,
        "parameterName": work.settings.parameter,
        "expirationDate": changes.iso(generation.expires),
        **more,
    }
    work.services.emit(detail_type, detail, work.now)


def tag(work: Work, certificate: Certificate, tags: Mapping[str, str | None]) -> None:
    """Write tags; remove those that are None."""
    if removed := [key for key, value in tags.items() if value is None]:
        work.api.untag(certificate, removed)
    if written := {key: value for key, value in tags.items() if value is not None}:
        work.api.tag(certificate, written)
    work.listing.tagged.setdefault(certificate.id, {}).update(tags)


def release(work: Work, generation: Generation) -> None:
    """Remove this resource's tags from an adopted certificate."""
    tags = work.api.tags(generation.certificate)
    tag(work, generation.certificate, {key: None for key in tags if key.startswith(OwnTag.PREFIX)})


def _generation_tags(work: Work, number: int) -> dict[str, str]:
    reason = work.settings.policy.reason
    return {
        **work.settings.tags,
        **work.settings.owner_tags,
        OwnTag.GENERATION: str(number),
        **({} if reason is None else {OwnTag.REASON: reason}),
    }


def _generate(work: Work, number: int) -> Generation:
    tags = {**_generation_tags(work, number), OwnTag.REQUEST: work.request_id}
    certificate = work.api.generate(work.settings.description, tags, earlier_attempts=0)
    work.listing.issued.add(certificate.id)
    work.listing.tagged[certificate.id] = dict(tags)
    if certificate.expires is None:
        certificate = work.api.get(certificate.id) or certificate
    return Generation(certificate, number, certificate.expires or work.now)


def _adopt(work: Work, id: str) -> None:
    certificate = work.api.get(id)
    if certificate is None:
        raise RefusedError(
            f"client certificate {id} does not exist in this account and Region: check the ID "
            "(aws apigateway get-client-certificates)"
        )
    tags = work.api.tags(certificate)
    owner = other_owner(work.settings.stack_id, tags)
    if owner or OwnTag.GENERATION in tags:
        raise RefusedError(
            f"client certificate {id} belongs to {tags.get(OwnTag.LOGICAL)} of stack "
            f"{tags.get(OwnTag.STACK)}: let that stack retain it (RemovalPolicy.RETAIN), remove it "
            f"from the stack, then remove its tags {OwnTag.PREFIX}* (aws apigateway untag-resource)"
        )
    if OwnTag.REQUEST in tags:  # first, so that the other resource cannot delete it
        tag(work, certificate, {OwnTag.REQUEST: None})
    tag(work, certificate, dict(_generation_tags(work, 1)))
    description = work.settings.description
    if description is not None and description != certificate.description:
        work.api.describe(certificate, description)


def _check(work: Work, ids: tuple[str, ...]) -> dict[str, bool]:
    """Call each check's method, for each stage of its API, with each certificate and with none."""
    states = work.observer.stages()
    calls = [
        (check, states[stage.path].variables)
        for check in work.settings.checks
        for stage in work.settings.stages
        if stage.of_rest_api and stage.api_id == check.api_id and stage.path in states
    ]
    accepts = {
        id: bool(calls) and all(work.services.accepts(*call, id) for call in calls) for id in ids
    }
    if any(accepts.values()) and any(work.services.accepts(*call, "") for call in calls):
        logger.warning(
            "a backend check succeeds without any certificate, so it proves nothing: "
            "let it call a path for which the backend requires one"
        )
    logger.info("checked", extra={"accepts": accepts})
    return accepts


def _delete(work: Work, id: str) -> None:
    try:
        work.api.delete(id, earlier_attempts=0)
    except ApiError as error:
        if error.fault in (Fault.REJECTED, Fault.CONFLICT):
            raise RefusedError(refusal(work.api.stages_using(id), id, error)) from None
        if error.fault is not Fault.NOT_FOUND:
            raise
    work.listing.deleted.add(id)


def _stages_by_path(work: Work) -> dict[str, Stage]:
    return {stage.path: stage for stage in work.settings.stages}
