"""The rules for tags, checked at synth for known values and at deploy for all.

Source: the API Gateway developer guide, "Tag restrictions". The characters documented there are
`[a-zA-Z+-=._:/]`. The set that AWS documents for tags in general is accepted too: it adds the
space, `@`, and letters and digits outside ASCII. API Gateway may refuse these.
"""

import re
from collections.abc import Mapping
from typing import Final

from .contract import OwnTag

MAX_TAGS: Final = 50
MAX_KEY_LENGTH: Final = 128
MAX_VALUE_LENGTH: Final = 256

_GENERAL: Final = re.compile(r"[\w +\-=.:/@]*")
_DOCUMENTED: Final = re.compile(r"[a-zA-Z+-=._:/]*")


def violation(tags: Mapping[str, str], own_count: int = OwnTag.COUNT) -> str | None:
    """Return an error message for the first rule that tags break, None if they break none.

    Args:
        tags: The user's.
        own_count: How many tags the handler writes besides these.
    """
    if len(tags) > MAX_TAGS - own_count:
        return (
            f"too many tags: {len(tags)}; a client certificate takes {MAX_TAGS}, of which this "
            f"resource needs {own_count}: keep {MAX_TAGS - own_count} or fewer"
        )
    return next(filter(None, (_tag_violation(k, v) for k, v in tags.items())), None)


def outside_documented_characters(key: str, value: str) -> bool:
    """Return whether a tag has characters that AWS accepts, but API Gateway does not document."""
    return not (_DOCUMENTED.fullmatch(key) and _DOCUMENTED.fullmatch(value))


def is_value(value: str) -> bool:
    """Return whether an ID from CloudFormation, which is ASCII, can be the value of a tag."""
    fits = len(value) <= MAX_VALUE_LENGTH and value.isascii()
    return fits and _GENERAL.fullmatch(value) is not None


def _tag_violation(key: str, value: str) -> str | None:
    if not 1 <= len(key) <= MAX_KEY_LENGTH:
        return f"tag key {key!r} has {len(key)} characters: use 1 to {MAX_KEY_LENGTH}"
    if len(value) > MAX_VALUE_LENGTH:
        return f"value of tag {key!r} has {len(value)} characters: use {MAX_VALUE_LENGTH} or fewer"
    if key.lower().startswith("aws:"):
        return f"tag key {key!r} starts with 'aws:', which AWS reserves: rename it"
    if key.startswith(OwnTag.PREFIX):
        return f"tag key {key!r} starts with {OwnTag.PREFIX!r}, which this resource uses: rename it"
    for text in (key, value):
        if not _GENERAL.fullmatch(text):
            return (
                f"tag {key!r} = {value!r} has characters that a tag cannot hold: use letters, "
                "digits, spaces and + - = . _ : / @, or remove it from this resource with "
                f"Tags.of(certificate).remove({key!r})"
            )
    return None
