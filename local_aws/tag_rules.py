"""API Gateway's restrictions on tags."""

import re
from collections.abc import Mapping
from typing import Final

from .responses import ApiError

__all__ = ["check_tags"]

MAX_TAGS: Final = 50
MAX_TAG_KEY: Final = 128
MAX_TAG_VALUE: Final = 256
_CHARACTERS: Final = re.compile(r"[\w +\-=.:/@]*")


def check_tags(tags: Mapping[str, str]) -> None:
    """Raise `ApiError` (`BadRequestException`) if a resource cannot have these tags."""
    if len(tags) > MAX_TAGS:
        raise ApiError("BadRequestException", f"{len(tags)} tags: keep {MAX_TAGS} or fewer")
    for key, value in tags.items():
        if violation := _violation(key, value):
            raise ApiError("BadRequestException", violation)


def _violation(key: str, value: str) -> str | None:
    if not 1 <= len(key) <= MAX_TAG_KEY:
        return f"tag key {key!r} has {len(key)} characters: use 1 to {MAX_TAG_KEY}"
    if len(value) > MAX_TAG_VALUE:
        return f"value of tag {key!r} has {len(value)} characters: use {MAX_TAG_VALUE} or fewer"
    if key.lower().startswith("aws:"):
        return f"tag key {key!r} starts with 'aws:', which is reserved: rename it"
    if not _CHARACTERS.fullmatch(key) or not _CHARACTERS.fullmatch(value):
        return f"tag {key!r} = {value!r}: use letters, digits, spaces and + - = . _ : / @"
    return None
