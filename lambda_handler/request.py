"""A CloudFormation event, read into a typed request or refused. Nothing here calls anything.

Desired properties are validated strictly. Previous properties and those of a Delete are read as far
as possible and never refused: an earlier version may have accepted them, and a stack must always be
able to roll back and to delete.
"""

import calendar
import math
import time
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from . import tag_rules
from .contract import LOOKUP_RESOURCE_TYPE, SERVICE_TIMEOUT_SECONDS, Property
from .errors import InvalidRequestError
from .physical_id import is_certificate_id

_ALWAYS_ACCEPTED: Final = frozenset({Property.SERVICE_TOKEN, Property.SERVICE_TIMEOUT})


@dataclass(frozen=True)
class Properties:
    """The desired state of a certificate. None stands for what the template does not mention."""

    description: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    adopt: str | None = None
    """The ID of an existing certificate to adopt."""
    lookup: str | None = None
    """The ID of an existing certificate to read."""


@dataclass(frozen=True)
class PreviousProperties:
    """What the template said before, as far as it can be read."""

    description: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    adopt: str | None = None


@dataclass(frozen=True)
class Request:
    """One request of CloudFormation, in the terms of this resource."""

    type: str
    looks_up: bool
    """Whether it is of the resource type that only reads."""
    stack_id: str
    logical_id: str
    request_id: str
    physical_id: str
    desired: Properties
    previous: PreviousProperties
    sent: datetime | None
    """When CloudFormation sent it, None if unknown."""
    listening_until: float
    """When CloudFormation stops listening, in epoch seconds; infinity if unknown."""

    @property
    def stack_name(self) -> str:
        return stack_name(self.stack_id)

    @property
    def adoption_changed(self) -> bool:
        """Whether the template names another certificate to adopt than before, or none any more."""
        return self.desired.adopt != self.previous.adopt


def read(event: Mapping[str, Any]) -> Request:
    """Read an event whose envelope `main` has checked.

    Raises:
        InvalidRequestError: The properties ask for what this resource cannot do.
    """
    type_ = event["RequestType"]
    looks_up = event.get("ResourceType") == LOOKUP_RESOURCE_TYPE
    if type_ == "Delete":
        desired = Properties(adopt=previous_properties(event.get("ResourceProperties")).adopt)
    else:
        desired = _desired(event.get("ResourceProperties"), type_, looks_up)
        check_ownership_tags(event)
    signed, _ = validity(event["ResponseURL"])
    id = event.get("PhysicalResourceId")
    return Request(
        type=type_,
        looks_up=looks_up,
        stack_id=event["StackId"],
        logical_id=event["LogicalResourceId"],
        request_id=event["RequestId"],
        physical_id=id if isinstance(id, str) else "",
        desired=desired,
        previous=previous_properties(event.get("OldResourceProperties")),
        sent=None if signed is None else datetime.fromtimestamp(signed, UTC),
        listening_until=listening_until(event),
    )


def listening_until(event: Mapping[str, Any]) -> float:
    """Return when CloudFormation stops listening, in epoch seconds; infinity if unknown."""
    signed, expires = validity(event["ResponseURL"])
    return min(expires, math.inf if signed is None else signed + _service_timeout(event))


def stack_name(stack_id: str) -> str:
    """Return NAME of `arn:{partition}:cloudformation:{region}:{account}:stack/NAME/UUID`."""
    parts = stack_id.split("/")
    return parts[1] if len(parts) == 3 else stack_id


def validity(url: str) -> tuple[float | None, float]:
    """Return when a URL was signed and when it expires, in epoch seconds.

    Where the URL does not say, these are None and infinity.

    Source: S3 user guide, "Authenticating requests: using query parameters" (signature version 4:
    `X-Amz-Date` and `X-Amz-Expires`; version 2: `Expires`).
    """
    query = {name.lower(): values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    try:
        if "x-amz-expires" in query:
            signed = calendar.timegm(time.strptime(query["x-amz-date"], "%Y%m%dT%H%M%SZ"))
            return signed, signed + float(query["x-amz-expires"])
        return None, float(query["expires"])
    except (KeyError, ValueError):
        return None, math.inf


def _service_timeout(event: Mapping[str, Any]) -> float:
    """Return the seconds that CloudFormation waits for a response.

    Whether CloudFormation passes the resource's `ServiceTimeout` on is not documented. If it does
    not, this is the value that the construct sets.
    """
    properties = event.get("ResourceProperties")
    given = properties.get(Property.SERVICE_TIMEOUT) if isinstance(properties, Mapping) else None
    try:
        seconds = float(given)  # type: ignore[arg-type]  # None is a TypeError, as it should be
    except (OverflowError, TypeError, ValueError):
        return SERVICE_TIMEOUT_SECONDS
    return seconds if seconds > 0 else SERVICE_TIMEOUT_SECONDS


def _desired(value: Any, type_: str, looks_up: bool) -> Properties:
    if value is None:
        value = {}
    if not isinstance(value, Mapping):
        raise InvalidRequestError(f"ResourceProperties must be an object, not {value!r}")
    known = {Property.LOOKUP} if looks_up else Property.OF_CERTIFICATE
    # Not in an Update: a rollback is one, and may have a property that another version knew.
    if type_ == "Create":
        refuse_unknown(value, known)
    tags = read_tags(value.get(Property.TAGS))
    if violation := tag_rules.violation(tags):
        raise InvalidRequestError(violation)
    desired = Properties(
        description=string(value, Property.DESCRIPTION),
        tags=tags,
        adopt=certificate_id(value, Property.ADOPT),
        lookup=certificate_id(value, Property.LOOKUP),
    )
    if looks_up and desired.lookup is None:
        raise InvalidRequestError(f"{Property.LOOKUP} is missing: name the certificate to read")
    return desired


def refuse_unknown(properties: Mapping[str, Any], known: AbstractSet[str]) -> None:
    """Refuse a property that is not known.

    Raises:
        InvalidRequestError: There is one.
    """
    if unknown := set(properties) - _ALWAYS_ACCEPTED - known:
        raise InvalidRequestError(
            f"unknown property {min(map(str, unknown))!r}: use {', '.join(sorted(known))}"
        )


def string(properties: Mapping[str, Any], name: str) -> str | None:
    """Return a property that is a string, None if it is missing.

    Raises:
        InvalidRequestError: It is something else.
    """
    value = properties.get(name)
    if value is None or isinstance(value, str):
        return value
    raise InvalidRequestError(f"{name} must be a string, not {value!r}")


def certificate_id(properties: Mapping[str, Any], name: str) -> str | None:
    """Return a property that is the ID of a certificate. Returns and raises as `string`."""
    value = string(properties, name)
    if value is None or is_certificate_id(value):
        return value
    raise InvalidRequestError(f"{name} must be the ID of a client certificate, not {value!r}")


def read_tags(value: Any) -> dict[str, str]:
    """Return the tags of a list of objects with Key and Value.

    Raises:
        InvalidRequestError: It is something else, or a key appears twice.
    """
    if not isinstance(value, list | None):
        raise InvalidRequestError(
            f"{Property.TAGS} must be a list of objects with Key and Value, not {value!r}"
        )
    tags: dict[str, str] = {}
    for tag in value or []:
        if not isinstance(tag, Mapping) or not isinstance(tag.get("Key"), str):
            raise _bad_tag(tag)
        if tag.keys() == {"Key"}:
            continue  # CloudFormation removed a Value that was AWS::NoValue
        if tag.keys() != {"Key", "Value"} or not isinstance(tag["Value"], str):
            raise _bad_tag(tag)
        key = tag["Key"]
        if key in tags:
            raise InvalidRequestError(f"tag key {key!r} appears twice: keys must be unique")
        tags[key] = tag["Value"]
    return tags


def _bad_tag(tag: Any) -> InvalidRequestError:
    return InvalidRequestError(f"tag {tag!r} must be an object with the strings Key and Value")


def previous_properties(value: Any) -> PreviousProperties:
    """Read previous properties as far as possible, and refuse nothing."""
    properties = value if isinstance(value, Mapping) else {}
    strings = {name: value for name, value in properties.items() if isinstance(value, str)}
    listed = properties.get(Property.TAGS)
    tags = [tag for tag in listed if isinstance(tag, Mapping)] if isinstance(listed, list) else []
    return PreviousProperties(
        description=strings.get(Property.DESCRIPTION),
        tags={
            key: text
            for tag in tags
            if isinstance(key := tag.get("Key"), str) and isinstance(text := tag.get("Value"), str)
        },
        adopt=strings.get(Property.ADOPT),
    )


def check_ownership_tags(event: Mapping[str, Any]) -> None:
    """Refuse an event whose IDs cannot be the values of tags.

    Raises:
        InvalidRequestError: One of them cannot.
    """
    for name in ("StackId", "LogicalResourceId", "RequestId"):
        if not tag_rules.is_value(event[name]):
            raise InvalidRequestError(f"{name} {event[name]!r} cannot be the value of a tag")
