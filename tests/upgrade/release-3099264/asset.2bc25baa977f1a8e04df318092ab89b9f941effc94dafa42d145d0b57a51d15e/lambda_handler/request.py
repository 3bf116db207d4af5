"""A CloudFormation event, read into a typed request or refused; nothing here calls anything.

Strict where a certificate would be made from it, forgiving where strictness would wedge a stack:
old properties are what some earlier version accepted, and a Delete needs none of them.
"""

import calendar
import time
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from . import tags as tag_rules
from .contract import LOOKUP_RESOURCE_TYPE, OwnTag, Property

PLACEHOLDER_PREFIX: Final = "request:"
"""Starts the physical ID of a request that made nothing, or cannot know whether it did."""

_ALWAYS_KNOWN: Final = {"ServiceToken", "ServiceTimeout"}


class InvalidRequestError(Exception):
    """The template asks for what this resource cannot do; nothing was called."""


@dataclass(frozen=True)
class Properties:
    """What a template says of a certificate. A description of None: it says nothing."""

    description: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    adopt: str | None = None
    """The ID of an existing certificate to take into care, instead of making one."""
    lookup: str | None = None
    """The ID of an existing certificate to read, and nothing else."""


@dataclass(frozen=True)
class Request:
    """One request of CloudFormation's, in the terms of this resource."""

    type: str
    looks_up: bool
    """Whether it is of the resource type that only reads."""
    stack_id: str
    logical_id: str
    request_id: str
    physical_id: str
    wanted: Properties
    former: Properties
    expires: float
    """When CloudFormation stops to listen: seconds since the epoch, infinite where it is untold."""

    @property
    def own_tags(self) -> dict[str, str]:
        """The tags that mark what this very request made."""
        return own_tags(self.stack_id, self.logical_id, self.request_id)


def own_tags(stack_id: str, logical_id: str, request_id: str) -> dict[str, str]:
    """The three tags that the handler adds to the user's."""
    return {OwnTag.STACK: stack_id, OwnTag.LOGICAL: logical_id, OwnTag.REQUEST: request_id}


def placeholder(request_id: str) -> str:
    """The physical ID that lets a later Delete sweep exactly what the request made."""
    return PLACEHOLDER_PREFIX + request_id


def read(event: Mapping[str, Any]) -> Request:
    """Read an event whose envelope `main` has checked. Raises `InvalidRequestError`."""
    kind = event["RequestType"]
    looks_up = event.get("ResourceType") == LOOKUP_RESOURCE_TYPE
    properties = event.get("ResourceProperties")
    if kind == "Delete":
        wanted = _readable(properties)
    else:
        known = {Property.LOOKUP} if looks_up else Property.OF_CERTIFICATE
        # A rollback is an Update too and may carry what another version knew: strict on Create.
        wanted = _properties(properties, known if kind == "Create" else None)
    if looks_up and not wanted.lookup and kind != "Delete":
        raise InvalidRequestError(f"{Property.LOOKUP} is missing: name the certificate to read")
    if kind != "Delete":  # an Update can make a certificate too
        _check_own_tags(event)
    return Request(
        type=kind,
        looks_up=looks_up,
        stack_id=event["StackId"],
        logical_id=event["LogicalResourceId"],
        request_id=event["RequestId"],
        physical_id=str(event.get("PhysicalResourceId") or ""),
        wanted=wanted,
        former=_readable(event.get("OldResourceProperties")),
        expires=expiry(event["ResponseURL"]),
    )


def expiry(url: str) -> float:
    """When a signed URL ends, in seconds since the epoch; infinite where it does not say.

    Source: S3 user guide, "Authenticating requests: using query parameters" (version 4:
    `X-Amz-Date` + `X-Amz-Expires`; version 2: `Expires`).
    """
    query = {name.lower(): values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    try:
        if "x-amz-expires" in query:
            signed = time.strptime(query["x-amz-date"], "%Y%m%dT%H%M%SZ")
            return calendar.timegm(signed) + float(query["x-amz-expires"])
        return float(query["expires"])
    except (KeyError, ValueError):
        return float("inf")


def _properties(value: Any, known: AbstractSet[str] | None) -> Properties:
    """Properties, checked; with `known`, others are refused."""
    if value is None:
        value = {}
    if not isinstance(value, Mapping):
        raise InvalidRequestError(f"properties {value!r}: an object is needed")
    if known is not None and (unknown := set(value) - _ALWAYS_KNOWN - known):
        raise InvalidRequestError(
            f"unknown property {min(map(str, unknown))!r}: use {', '.join(sorted(known))}"
        )
    tags = _tags(value.get(Property.TAGS))
    if broken := tag_rules.violation(tags):
        raise InvalidRequestError(broken)
    return Properties(
        description=_string(value, Property.DESCRIPTION),
        tags=tags,
        adopt=_id(value, Property.ADOPT),
        lookup=_id(value, Property.LOOKUP),
    )


def _string(properties: Mapping[str, Any], name: str) -> str | None:
    value = properties.get(name)
    if value is None or isinstance(value, str):
        return value
    raise InvalidRequestError(f"{name} {value!r}: a string is needed")


def _id(properties: Mapping[str, Any], name: str) -> str | None:
    value = _string(properties, name)
    if value is None or can_be_id(value):
        return value
    raise InvalidRequestError(f"{name} {value!r}: the ID of a client certificate is needed")


def can_be_id(text: str) -> bool:
    """Whether a call for this ID could only ever mean one certificate: no path, no empty name."""
    return text.isascii() and text.replace("-", "").isalnum()


def _tags(value: Any) -> dict[str, str]:
    tags: dict[str, str] = {}
    if not isinstance(value, list | None):
        raise InvalidRequestError(f"{Property.TAGS} {value!r}: a list of Key and Value is needed")
    for tag in value or []:
        pair = tag if isinstance(tag, Mapping) else {}
        key, text = pair.get("Key"), pair.get("Value")
        if not isinstance(key, str) or not isinstance(text, str) or len(pair) != 2:
            raise InvalidRequestError(f"tag {tag!r}: an object of Key and Value is needed")
        if key in tags:
            raise InvalidRequestError(f"tag key {key!r} stands twice: keys are unique")
        tags[key] = text
    return tags


def _readable(value: Any) -> Properties:
    """Properties that are only looked back at: what can be read counts, nothing is refused."""
    old = value if isinstance(value, Mapping) else {}
    text = {name: value for name, value in old.items() if isinstance(value, str)}
    listed = old.get(Property.TAGS)
    pairs = [tag for tag in listed if isinstance(tag, Mapping)] if isinstance(listed, list) else []
    return Properties(
        description=text.get(Property.DESCRIPTION),
        tags={key: "" for tag in pairs if isinstance(key := tag.get("Key"), str)},
        adopt=text.get(Property.ADOPT),
        lookup=text.get(Property.LOOKUP),
    )


def _check_own_tags(event: Mapping[str, Any]) -> None:
    for name in ("StackId", "LogicalResourceId", "RequestId"):
        if not tag_rules.is_value(event[name]):
            raise InvalidRequestError(f"{name} {event[name]!r} cannot be the value of a tag")
