"""What an Update writes and what a response contains. Nothing here calls anything."""

from collections.abc import Mapping
from datetime import UTC, datetime

from .api_gateway import Certificate
from .contract import Attribute, OwnTag
from .errors import RefusedError


def tag_changes(
    live: Mapping[str, str], desired: Mapping[str, str], previous: Mapping[str, str]
) -> tuple[dict[str, str], list[str]]:
    """Return the tags to write and the keys to remove.

    Args:
        live: The tags that the certificate has.
        desired: The tags that it is to have.
        previous: The tags of the previous template. Those that are not desired any more are
            removed, unless they have another value by now. All other tags were written by
            somebody else and stay.
    """
    written = {key: value for key, value in desired.items() if live.get(key) != value}
    removed = [
        key
        for key, value in previous.items()
        if live.get(key) == value and key not in desired and not key.startswith(OwnTag.PREFIX)
    ]
    return written, removed


def description_change(live: str, desired: str | None, previous: str | None) -> str | None:
    """Return the description to write, None for no change.

    If the template drops its description, the certificate's is cleared. A description that
    somebody else wrote stays.

    Args:
        live: The description that the certificate has; empty if it has none.
        desired: The template's, None if it has none.
        previous: The previous template's, None if it had none.
    """
    if desired is None:
        return "" if live and live == previous else None
    return desired if desired != live else None


def attributes(certificate: Certificate) -> dict[str, str]:
    """Return what `Fn::GetAtt` reads, strings only.

    Raises:
        RefusedError: API Gateway left out the PEM or a date.
    """
    if not (certificate.pem and certificate.created and certificate.expires):
        raise RefusedError(
            f"API Gateway returned client certificate {certificate.id} without its PEM or dates: "
            "deploy again"
        )
    return {
        Attribute.ID: certificate.id,
        Attribute.ARN: certificate.arn,
        Attribute.PEM: certificate.pem,
        Attribute.CREATED: iso(certificate.created),
        Attribute.EXPIRATION: iso(certificate.expires),
    }


def iso(moment: datetime) -> str:
    """Return a moment in ISO 8601, UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
