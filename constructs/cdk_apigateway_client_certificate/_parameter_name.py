"""The rules for the name of an SSM parameter."""

import re
from typing import Final

import aws_cdk as cdk

_MAX_LEVELS: Final = 15
_MAX_LENGTH: Final = 900
"""So that the ARN has at most 1,011. Source: Systems Manager API, PutParameter, for all rules."""


def violation(name: str) -> str | None:
    """Return an error message for the first rule that a name breaks, None if it breaks none."""
    if cdk.Token.is_unresolved(name):
        if name.startswith("/"):
            return None
        return (
            f"parameter name {name!r} starts with a token, so that its ARN is not known at synth: "
            'start it with "/", as in f"/{token}"'
        )
    if not re.fullmatch(r"[a-zA-Z0-9_.\-/]+", name):
        return f"parameter name {name!r} is not made of letters, digits and _ . - / only: rename it"
    if "/" in name and not name.startswith("/"):
        return f'parameter name {name!r} has levels but no leading "/": use {"/" + name!r}'
    levels = name.split("/")[1:] if name.startswith("/") else [name]
    if "" in levels:
        return f'parameter name {name!r} has an empty level: remove a "/"'
    if len(levels) > _MAX_LEVELS:
        return f"parameter name {name!r} has {len(levels)} levels: use {_MAX_LEVELS} or fewer"
    if levels[0].lower().startswith(("aws", "ssm")):
        reserved = levels[0][:3]
        return f"parameter name {name!r} starts with {reserved!r}, which AWS reserves: rename it"
    if len(name) > _MAX_LENGTH:
        return f"parameter name {name!r} has {len(name)} characters: use {_MAX_LENGTH} or fewer"
    return None
