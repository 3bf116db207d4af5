"""Finds certificates by their tags, whether or not the API's list contains tags."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from .api_gateway import ApiGateway, Certificate


@dataclass(frozen=True)
class Window:
    """A period of time, open where it has no bound."""

    earliest: datetime | None = None
    latest: datetime | None = None

    def contains(self, moment: datetime | None) -> bool:
        """Return whether a moment lies in the period. An unknown one may."""
        return moment is None or (
            (self.earliest is None or self.earliest <= moment)
            and (self.latest is None or moment <= self.latest)
        )


ANY_TIME: Final = Window()


def find(
    api: ApiGateway,
    matches: Callable[[Mapping[str, str]], bool],
    certificates: Iterable[Certificate],
    created: Window = ANY_TIME,
) -> Iterator[Certificate]:
    """Yield the certificates whose tags match, with their tags, page by page.

    Whether API Gateway's list contains tags is unverified. If it contains none, the tags of each
    certificate that was created in the period are read, with one more call for each.

    Args:
        api: Where tags are read.
        matches: Decides by a certificate's tags.
        certificates: The certificates to search, as listed.
        created: The period in which a certificate must have been created for its tags to be read.
    """
    listed_with_tags = False
    without_tags: list[Certificate] = []
    for certificate in certificates:
        if certificate.tags is not None:
            listed_with_tags = True
            if matches(certificate.tags):
                yield certificate
        elif not listed_with_tags and created.contains(certificate.created):
            without_tags.append(certificate)
    if not listed_with_tags:
        for certificate in without_tags:
            tags = api.tags(certificate)
            if matches(tags):
                yield replace(certificate, tags=tags)
