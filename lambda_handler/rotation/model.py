"""What a rotation observes, and the policy that it follows. Nothing here calls anything."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ..api_gateway import Certificate
from ..contract import OwnTag


@dataclass(frozen=True)
class Policy:
    """How a resource rotates."""

    rotate_before_expiry: timedelta
    overlap: timedelta
    """How long both certificates are trusted before stages switch, and again after it."""
    checks: bool
    """Whether a backend is asked before stages switch."""
    reason: str | None = None
    """The hash of the reason to rotate, None if the template names none."""
    adopts: str | None = None
    """The ID of the certificate that is the first generation, None to issue one."""
    may_begin: bool = False
    """Whether to issue or adopt a first generation. Only in a deploy: a scheduled run that comes
    late would issue another certificate after the resource was deleted."""


@dataclass(frozen=True)
class Generation:
    """A client certificate of the resource, with the state that its tags hold."""

    certificate: Certificate = field(repr=False)
    number: int
    expires: datetime
    published: datetime | None = None
    """When its PEM was last added to the trust bundle."""
    accepted: datetime | None = None
    """When a backend check first succeeded with it. None after a check that failed."""
    retired: datetime | None = None
    """When the last stage switched away from it."""
    reason: str | None = None
    adopted: bool = False
    """Whether somebody else issued it. It is never deleted."""

    @property
    def id(self) -> str:
        return self.certificate.id

    @property
    def pem(self) -> str:
        return self.certificate.pem


@dataclass(frozen=True)
class Observed:
    """The state of one resource at one moment."""

    generations: tuple[Generation, ...]
    """Those that exist, from the oldest to the newest."""
    presents: Mapping[str, str | None]
    """The ID of the certificate that each existing stage presents, by the stage's path."""
    bundle: str | None
    """The value of the trust parameter, None if there is no parameter."""
    accepts: Mapping[str, bool] = field(default_factory=dict)
    """Whether the backend accepts a certificate, by its ID, as far as this run has asked."""

    @property
    def newest_state(self) -> datetime | None:
        """The latest time in a tag of any generation."""
        moments = (
            moment
            for generation in self.generations
            for moment in (generation.published, generation.accepted, generation.retired)
        )
        return max(filter(None, moments), default=None)


def read_generation(certificate: Certificate, tags: Mapping[str, str]) -> Generation | None:
    """Return the generation that a certificate's tags describe, None if they describe none.

    A time that cannot be read, since somebody changed the tag, counts as absent: the step that
    writes it is then repeated.
    """
    number = tags.get(OwnTag.GENERATION, "")
    if not (number.isascii() and number.isdigit()) or certificate.expires is None:
        return None
    return Generation(
        certificate,
        int(number),
        certificate.expires,
        published=_moment(tags.get(OwnTag.PUBLISHED)),
        accepted=_moment(tags.get(OwnTag.ACCEPTED)),
        retired=_moment(tags.get(OwnTag.RETIRED)),
        reason=tags.get(OwnTag.REASON),
        adopted=OwnTag.REQUEST not in tags,
    )


def in_order(generations: list[Generation]) -> tuple[Generation, ...]:
    """Return generations from the oldest to the newest.

    Two runs at once may have issued two of the same number. Their order is the same for all runs.
    """
    return tuple(sorted(generations, key=lambda it: (it.number, it.expires, it.id)))


def _moment(text: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else None
