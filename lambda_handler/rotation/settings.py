"""The properties of a rotating certificate, read from a CloudFormation event or a schedule.

Nothing here calls anything.
"""

import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from .. import tag_rules
from ..contract import OwnTag, Property, RotatingProperty
from ..errors import InvalidRequestError
from ..request import certificate_id, read_tags, stack_name, string
from .model import Policy

_STAGE: Final = re.compile(r"/(?P<kind>restapis|apis)/(?P<api>[\w-]+)/stages/(?P<name>[^/]+)")
_CHECK: Final = re.compile(
    r"/restapis/(?P<api>[\w-]+)/resources/(?P<resource>[\w-]+)/methods/(?P<verb>[A-Z]+)"
)


@dataclass(frozen=True)
class Stage:
    """A stage of a REST API or a WebSocket API."""

    path: str
    """`/restapis/{id}/stages/{name}` or `/apis/{id}/stages/{name}`, as IAM writes it."""
    api_id: str
    name: str
    of_rest_api: bool


@dataclass(frozen=True)
class BackendCheck:
    """A method of a REST API that is called to learn whether the backend accepts a certificate."""

    api_id: str
    resource_id: str
    verb: str


@dataclass(frozen=True)
class Settings:
    """One rotating certificate, as the template describes it."""

    stack_id: str
    logical_id: str
    description: str | None
    tags: Mapping[str, str]
    """The user's."""
    stages: tuple[Stage, ...]
    parameter: str
    checks: tuple[BackendCheck, ...]
    policy: Policy

    @property
    def stack_name(self) -> str:
        return stack_name(self.stack_id)

    @property
    def owner_tags(self) -> dict[str, str]:
        """The tags of whatever belongs to this resource."""
        return {OwnTag.STACK: self.stack_id, OwnTag.LOGICAL: self.logical_id}


def read(stack_id: str, logical_id: str, properties: Mapping[str, Any]) -> Settings:
    """Read the properties.

    Raises:
        InvalidRequestError: They ask for what this resource cannot do.
    """
    tags = read_tags(properties.get(Property.TAGS))
    if violation := tag_rules.violation(tags, OwnTag.ROTATING_COUNT):
        raise InvalidRequestError(violation)
    reason = string(properties, RotatingProperty.REASON)
    checks = tuple(map(_backend_check, _strings(properties, RotatingProperty.CHECKS)))
    return Settings(
        stack_id=stack_id,
        logical_id=logical_id,
        description=string(properties, Property.DESCRIPTION),
        tags=tags,
        stages=tuple(read_stages(properties)),
        parameter=_required(properties, RotatingProperty.TRUST_PARAMETER),
        checks=checks,
        policy=Policy(
            rotate_before_expiry=_duration(properties, RotatingProperty.ROTATE_BEFORE_EXPIRY),
            overlap=_duration(properties, RotatingProperty.OVERLAP),
            checks=bool(checks),
            reason=None if reason is None else hashlib.sha256(reason.encode()).hexdigest(),
            adopts=certificate_id(properties, Property.ADOPT),
        ),
    )


def read_stages(properties: Mapping[str, Any]) -> list[Stage]:
    """Read the stages alone. Raises as `read`."""
    return [_stage(path) for path in _strings(properties, RotatingProperty.STAGES)]


def _stage(path: str) -> Stage:
    match = _STAGE.fullmatch(path)
    if not match:
        raise InvalidRequestError(
            f"{RotatingProperty.STAGES} has {path!r}: write /restapis/{{id}}/stages/{{name}} or "
            "/apis/{id}/stages/{name}"
        )
    return Stage(path, match["api"], match["name"], match["kind"] == "restapis")


def _backend_check(path: str) -> BackendCheck:
    match = _CHECK.fullmatch(path)
    if not match:
        raise InvalidRequestError(
            f"{RotatingProperty.CHECKS} has {path!r}: write "
            "/restapis/{id}/resources/{id}/methods/{verb}"
        )
    return BackendCheck(match["api"], match["resource"], match["verb"])


def _strings(properties: Mapping[str, Any], name: str) -> list[str]:
    value = properties.get(name, [])
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return value
    raise InvalidRequestError(f"{name} must be a list of strings, not {value!r}")


def _required(properties: Mapping[str, Any], name: str) -> str:
    value = string(properties, name)
    if not value:
        raise InvalidRequestError(f"{name} is missing: name the SSM parameter of the trust bundle")
    return value


def _duration(properties: Mapping[str, Any], name: str) -> timedelta:
    value = properties.get(name)  # CloudFormation makes every number a string
    try:
        seconds = float(value)  # type: ignore[arg-type]  # None is a TypeError, as it should be
        if seconds >= 0 and not math.isinf(seconds):
            return timedelta(seconds=seconds)
    except (OverflowError, TypeError, ValueError):
        pass
    raise InvalidRequestError(f"{name} must be a number of seconds, not {value!r}")
