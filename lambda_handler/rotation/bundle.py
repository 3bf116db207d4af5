"""The trust bundle: the PEMs for backends to trust, in one text. Nothing here calls anything."""

import re
from collections.abc import Iterable
from typing import Final

_PEM: Final = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


def join(pems: Iterable[str]) -> str:
    """Return the value of the parameter.

    API Gateway's PEMs have CRLF line breaks and none at the end: two of them, joined as they are,
    would share a line.
    """
    return "".join(f"{_normalize(pem)}\n" for pem in pems)


def contains(bundle: str | None, pem: str) -> bool:
    """Return whether a parameter's value contains a certificate, whatever its line breaks."""
    return _normalize(pem) in map(_normalize, _PEM.findall(bundle or ""))


def _normalize(pem: str) -> str:
    return "\n".join(line.strip() for line in pem.strip().splitlines())
