"""Reads what is there: the certificates, the stages and the trust bundle."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..api_gateway import ApiGateway, Certificate
from ..contract import OwnTag
from .model import Generation, Observed, in_order, read_generation
from .services import Services, StageState
from .settings import Settings


@dataclass
class Listing:
    """The certificates of the account, as all resources of one invocation know them.

    Lists may lag behind, so what this invocation has written stands here too.
    """

    certificates: list[Certificate] | None = None
    foreign: set[str] = field(default_factory=set)
    """IDs of those that belong to no rotation. Where lists have no tags, each is asked once."""
    issued: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    tagged: dict[str, dict[str, str | None]] = field(default_factory=dict)
    """The tags that were written, by a certificate's ID. Those that are None were removed."""


class Observer:
    """Observes one resource."""

    def __init__(
        self, settings: Settings, api: ApiGateway, services: Services, listing: Listing
    ) -> None:
        self._settings = settings
        self._api = api
        self._services = services
        self._listing = listing

    def observe(self, *, again: bool) -> Observed:
        """Return the state of the resource.

        Args:
            again: Whether to list the certificates once more, rather than take the list that the
                resources of this invocation share.
        """
        if again or self._listing.certificates is None:
            self._listing.certificates = list(self._api.certificates())
        return Observed(
            generations=self._generations(self._listing.certificates),
            presents={path: state.certificate_id for path, state in self.stages().items()},
            bundle=self._services.bundle(self._settings),
        )

    def stages(self) -> dict[str, StageState]:
        """Return the state of each stage that exists, by its path."""
        found = {stage.path: self._services.stage(stage) for stage in self._settings.stages}
        return {path: state for path, state in found.items() if state is not None}

    def _generations(self, certificates: list[Certificate]) -> tuple[Generation, ...]:
        listing = self._listing
        existing = {it.id: it for it in certificates if it.id not in listing.deleted}
        for id in listing.issued - listing.deleted - existing.keys():
            if certificate := self._api.get(id):
                existing[id] = certificate
        lists_tags = any(it.tags for it in existing.values())
        found: list[Generation] = []
        for certificate in existing.values():
            tags = self._tags(certificate, lists_tags)
            if self._settings.owner_tags.items() <= tags.items():
                if not (certificate.pem and certificate.expires):  # the list may omit them
                    certificate = self._api.get(certificate.id) or certificate
                generation = read_generation(certificate, tags)
                if generation is not None:
                    found.append(generation)
        return in_order(found)

    def _tags(self, certificate: Certificate, lists_tags: bool) -> Mapping[str, str]:
        """Return a certificate's tags, with what this invocation has written."""
        tags = certificate.tags or {}
        written = self._listing.tagged.get(certificate.id, {})
        if not lists_tags and (written or certificate.id not in self._listing.foreign):
            tags = self._api.tags(certificate)
            if OwnTag.GENERATION not in tags:
                self._listing.foreign.add(certificate.id)
        merged = {**tags, **written}
        return {key: value for key, value in merged.items() if value is not None}
