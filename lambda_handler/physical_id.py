"""The forms of a `PhysicalResourceId`.

Normally it is the certificate's ID. If a request fails before it knows the ID of a certificate, it
is the RequestId with a prefix: the Delete that follows finds by its tags what the request may have
created. A rotating certificate keeps this form for life. That of a look-up has a prefix too, so
that no call can take it for a certificate's ID.

Standard library only: the entry module and the construct import this module too.
"""

from typing import Final

_REQUEST_PREFIX: Final = "request:"
_LOOKUP_PREFIX: Final = "lookup:"
_MAX_LENGTH: Final = 64
"""API Gateway's IDs have 6 to 10 characters."""


def of_request(request_id: str) -> str:
    """Return the physical ID of a request without a certificate."""
    return _REQUEST_PREFIX + request_id


def of_lookup(certificate_id: str) -> str:
    """Return the physical ID of a look-up."""
    return _LOOKUP_PREFIX + certificate_id


def request_id(physical_id: str) -> str | None:
    """Return the RequestId that a physical ID carries, None if it has another form."""
    if physical_id.startswith(_REQUEST_PREFIX):
        return physical_id.removeprefix(_REQUEST_PREFIX)
    return None


def is_certificate_id(text: str) -> bool:
    """Return whether a text can be the ID of one certificate, and neither a path nor empty."""
    return len(text) <= _MAX_LENGTH and text.isascii() and text.replace("-", "").isalnum()
