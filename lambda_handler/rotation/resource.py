"""Create, update and delete of `Custom::ApiGatewayRotatingClientCertificate`."""

import logging
import sys
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from .. import changes, physical_id
from ..api_gateway import ApiGateway
from ..calls import ApiError
from ..certificate import refuse_late
from ..contract import Attribute, OwnTag, RotatingProperty
from ..deadline import Deadline
from ..deletion import delete_when_unused
from ..errors import InvalidRequestError, RefusedError
from ..faults import Fault
from ..request import (
    check_ownership_tags,
    listening_until,
    previous_properties,
    refuse_unknown,
)
from . import settings
from .carry_out import Work, release
from .model import Generation, Observed, Policy
from .observe import Listing
from .plan import current_generation
from .run import check_deployed, converge, report
from .services import Services
from .settings import Stage

logger = logging.getLogger(__name__)


def carry_out_request(
    event: Mapping[str, Any], api: ApiGateway, services: Services, deadline: Deadline
) -> dict[str, str]:
    """Carry out a request whose envelope `main` has checked.

    The physical ID comes from the Create request and never changes.

    Returns:
        The attributes; none for a Delete.

    Raises:
        RequestError: The request failed; the text is the Reason.
    """
    if event["RequestType"] == "Delete":
        return _delete(event, api, services, deadline)
    refuse_late(listening_until(event))
    if event["RequestType"] == "Create":
        refuse_unknown(event.get("ResourceProperties") or {}, RotatingProperty.ALL)
    check_ownership_tags(event)
    work = _work(event, api, services)
    policy = replace(work.settings.policy, may_begin=True)
    previous = event.get("OldResourceProperties") or {}
    if event["RequestType"] == "Update":
        policy = replace(policy, adopts=None)  # only the very first generation is adopted
        _check_parameter_name(work, previous)
    else:
        services.owns_parameter(work.settings)  # raises if it is somebody else's
    observed = work.observer.observe(again=True)
    _check_new_stages(observed, previous, policy)
    _change(work, observed.generations, previous)
    outcome = converge(work, policy, deadline)
    check_deployed(work, outcome)
    _detach_removed(work, outcome.observed, previous)
    report(work, outcome)
    current = current_generation(outcome.observed, work.settings.policy, work.now)
    certificate = current.certificate if current.pem else api.get(current.id)
    if event["RequestType"] == "Create":  # after all that can fail: `_failed_create` reads it
        services.set_created_by(work.settings, work.request_id)
    return {
        **changes.attributes(certificate or current.certificate),
        Attribute.TRUST_PARAMETER: work.settings.parameter,
    }


def _work(event: Mapping[str, Any], api: ApiGateway, services: Services) -> Work:
    properties = event.get("ResourceProperties") or {}
    resource = settings.read(event["StackId"], event["LogicalResourceId"], properties)
    now = datetime.now(UTC).replace(microsecond=0)
    return Work(resource, api, services, Listing(), event["RequestId"], now)


def _check_parameter_name(work: Work, previous: Mapping[str, Any]) -> None:
    """Refuse another name, unless the parameter of that name is the resource's own already.

    It is in the rollback of an Update that was refused here.
    """
    name = previous.get(RotatingProperty.TRUST_PARAMETER)
    desired = work.settings.parameter
    if name != desired and not work.services.owns_parameter(work.settings):
        raise RefusedError(
            f"trust_parameter_name cannot change from {name!r} to {desired!r}, because backends "
            f"read {name!r}: create another RotatingClientCertificate with other stages"
        )


def _check_new_stages(observed: Observed, previous: Mapping[str, Any], policy: Policy) -> None:
    """Refuse a stage that presents somebody else's certificate when it becomes managed."""
    managed = {stage.path for stage in _previous_stages(previous)}
    ours = {None, policy.adopts, *(it.id for it in observed.generations)}
    for stage, presented in observed.presents.items():
        if stage not in managed and presented not in ours:
            raise RefusedError(
                f"stage {stage} presents client certificate {presented}, which is not of this "
                "resource: adopt it (adopt_client_certificate_id), or remove it from the stage"
            )


def _change(work: Work, generations: Iterable[Generation], previous: Mapping[str, Any]) -> None:
    """Bring description and tags of all generations to what the template says."""
    before = previous_properties(previous)
    desired = {**work.settings.tags, **work.settings.owner_tags}
    for generation in generations:
        certificate = generation.certificate
        live = work.api.tags(certificate)
        written, removed = changes.tag_changes(live, desired, before.tags)
        description = changes.description_change(
            certificate.description, work.settings.description, before.description
        )
        try:
            if removed:
                work.api.untag(certificate, removed)
            if written:
                work.api.tag(certificate, written)
            if description is not None:
                work.api.describe(certificate, description)
        except ApiError as error:
            if error.fault is not Fault.NOT_FOUND:  # a run may have deleted it meanwhile
                raise


def _detach_removed(work: Work, observed: Observed, previous: Mapping[str, Any]) -> None:
    """Detach this resource's certificates from stages that it no longer manages."""
    managed = {stage.path for stage in work.settings.stages}
    own = {it.id for it in observed.generations if not it.adopted}
    for stage in _previous_stages(previous):
        if stage.path not in managed:
            _detach(work.services, stage, own)


def _detach(services: Services, stage: Stage, ids: Collection[str]) -> None:
    try:
        state = services.stage(stage)
        if state is not None and state.certificate_id in ids:
            services.present(stage, "")
    except ApiError as error:
        if error.fault is not Fault.NOT_FOUND:
            raise


def _previous_stages(previous: Mapping[str, Any]) -> list[Stage]:
    try:
        return settings.read_stages(previous)
    except InvalidRequestError:
        return []


def _delete(
    event: Mapping[str, Any], api: ApiGateway, services: Services, deadline: Deadline
) -> dict[str, str]:
    """Delete all that is the resource's own, and leave everything else as it is.

    If a stage that the resource does not manage presents one of the certificates, the Delete fails
    before it takes a certificate from any managed stage.
    """
    try:
        work = _work(event, api, services)
    except InvalidRequestError as error:
        logger.info("nothing to delete: never created", extra={"reason": str(error)})
        return {}
    observed = work.observer.observe(again=True)
    failed_create = _failed_create(work, str(event.get("PhysicalResourceId")))
    own = [it for it in observed.generations if not it.adopted]
    if failed_create is not None:
        own = [it for it in own if api.tags(it.certificate).get(OwnTag.REQUEST) == failed_create]
    presented = [it for it in own if it.id in observed.presents.values()]
    for generation in own:
        if generation not in presented:
            delete_when_unused(api, deadline, generation.id)
    for generation in presented:
        _refuse_foreign_users(work, generation)
    for stage in work.settings.stages:
        _detach(services, stage, {it.id for it in presented})
    for generation in presented:
        delete_when_unused(api, deadline, generation.id)
    if failed_create is not None:
        return {}
    for generation in observed.generations:
        if generation.adopted:
            release(work, generation)
    try:
        services.delete_parameter(work.settings)
    except RefusedError as error:
        logger.warning("parameter not deleted", extra={"reason": str(error)})
    return {}


def _failed_create(work: Work, id: str) -> str | None:
    """Return the RequestId of the Create to roll back, None to delete the resource.

    A Create takes over what an earlier resource of the same logical ID left behind when it was
    retained. If that Create fails, its rollback must delete only what the Create itself issued.
    The parameter then still has the RequestId of the earlier resource's Create. Without it, as
    before a first Create has succeeded, everything belongs to the resource that is deleted.
    """
    request_id = physical_id.request_id(id)
    return request_id if work.services.created_by(work.settings) not in (None, request_id) else None


def _refuse_foreign_users(work: Work, generation: Generation) -> None:
    """Refuse to detach managed stages from a certificate that others use, or may use."""
    managed = {f"{stage.api_id}/{stage.name}" for stage in work.settings.stages}
    uses = work.api.stages_using(generation.id, max_apis=sys.maxsize)
    users = [it for it in uses.stages if it not in managed]
    if users:
        raise RefusedError(
            f"client certificate {generation.id} is in use by {', '.join(users)}, which this "
            "resource does not manage: remove it from them, then delete again"
        )
    if uses.unread:
        raise RefusedError(
            f"nothing was detached, because others may use client certificate {generation.id}: "
            f"delete again, or first remove it from the managed stages yourself; {uses.unread}"
        )
