"""A CloudFormation event, read into a typed request or refused; nothing here calls anything.

Strict where a certificate would be made from it, forgiving where strictness would wedge a stack:
old properties are what some earlier version accepted, and a Delete needs none of them.
"""

import calendar
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from . import tags as tag_rules
from .contract import OwnTag, Property

PLACEHOLDER_PREFIX: Final = "request:"
"""Starts the physical ID of a request that made nothing, or cannot know whether it did."""

_PROPERTIES: Final = {"ServiceToken", "ServiceTimeout", Property.DESCRIPTION, Property.TAGS}


class InvalidRequestError(Exception):
    """The template asks for what this resource cannot do; nothing was called."""


@dataclass(frozen=True)
class Properties:
    """What a template says of a certificate. A description of None: it says nothing."""

    description: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Request:
    """One request of CloudFormation's, in the terms of this resource."""

    type: str
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
    wanted = former = Properties()
    if kind == "Create":
        wanted = _properties(event.get("ResourceProperties"), known_only=True)
        _check_own_tags(event)
    elif kind == "Update":
        # A rollback is an Update too and may carry what a later version knows: not known_only.
        wanted = _properties(event.get("ResourceProperties"), known_only=False)
        former = _readable(event.get("OldResourceProperties"))
    return Request(
        type=kind,
        stack_id=event["StackId"],
        logical_id=event["LogicalResourceId"],
        request_id=event["RequestId"],
        physical_id=str(event.get("PhysicalResourceId") or ""),
        wanted=wanted,
        former=former,
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


def _properties(value: Any, *, known_only: bool) -> Properties:
    if value is None:
        value = {}
    if not isinstance(value, Mapping):
        raise InvalidRequestError(f"properties {value!r}: an object is needed")
    unknown = sorted(map(str, set(value) - _PROPERTIES))
    if known_only and unknown:
        raise InvalidRequestError(
            f"unknown property {unknown[0]!r}: use {Property.DESCRIPTION} and {Property.TAGS}"
        )
    description = value.get(Property.DESCRIPTION)
    if description is not None and not isinstance(description, str):
        raise InvalidRequestError(f"{Property.DESCRIPTION} {description!r}: a string is needed")
    tags = _tags(value.get(Property.TAGS))
    if broken := tag_rules.violation(tags):
        raise InvalidRequestError(broken)
    return Properties(description, tags)


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
    """Old properties: what can be read of them counts, and nothing of them is refused."""
    old = value if isinstance(value, Mapping) else {}
    description = old.get(Property.DESCRIPTION)
    listed = old.get(Property.TAGS)
    pairs = [tag for tag in listed if isinstance(tag, Mapping)] if isinstance(listed, list) else []
    return Properties(
        description if isinstance(description, str) else None,
        {key: "" for tag in pairs if isinstance(key := tag.get("Key"), str)},
    )


def _check_own_tags(event: Mapping[str, Any]) -> None:
    for name in ("StackId", "LogicalResourceId", "RequestId"):
        if not tag_rules.is_value(event[name]):
            raise InvalidRequestError(f"{name} {event[name]!r} cannot be the value of a tag")
