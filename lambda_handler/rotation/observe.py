"""Reads what is there: the certificates, the stages and the trust bundle."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..api_gateway import ApiGateway, Certificate
from .model import Generation, Observed, in_order, read_generation
from .services import Services, StageState
from .settings import Settings


@dataclass
class Listing:
    """The certificates of the account, shared by all resources of one invocation.

    A list may lag behind, so this also holds what the invocation itself has written.
    """

    certificates: list[Certificate] | None = None
    read: dict[str, Mapping[str, str]] = field(default_factory=dict)
    """The tags that were read one by one, by a certificate's ID, if the list has none."""
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
            generations=self._generations(self._listing.certificates, again=again),
            presents={path: state.certificate_id for path, state in self.stages().items()},
            bundle=self._services.bundle(self._settings),
        )

    def stages(self) -> dict[str, StageState]:
        """Return the state of each stage that exists, by its path."""
        found = {stage.path: self._services.stage(stage) for stage in self._settings.stages}
        return {path: state for path, state in found.items() if state is not None}

    def _generations(
        self, certificates: list[Certificate], *, again: bool
    ) -> tuple[Generation, ...]:
        listing = self._listing
        # Decided by the list alone: certificates that are read one by one below have tags anyway.
        lists_tags = any(it.tags for it in certificates)
        existing = {it.id: it for it in certificates if it.id not in listing.deleted}
        for id in listing.issued - listing.deleted - existing.keys():
            if certificate := self._api.get(id):
                existing[id] = certificate
        found: list[Generation] = []
        for certificate in existing.values():
            listed = certificate.tags or {} if lists_tags else self._read_tags(certificate, again)
            tags = _merge(listed, listing.tagged.get(certificate.id, {}))
            if self._owns(tags):
                if not (certificate.pem and certificate.expires):  # the list may omit them
                    certificate = self._api.get(certificate.id) or certificate
                generation = read_generation(certificate, tags)
                if generation is not None:
                    found.append(generation)
        return in_order(found)

    def _read_tags(self, certificate: Certificate, again: bool) -> Mapping[str, str]:
        """Return the tags of a certificate that was listed without.

        They are read once an invocation, and again before each step only if they are of this
        resource.
        """
        tags = self._listing.read.get(certificate.id)
        if tags is None or (again and self._owns(tags)):
            tags = self._listing.read[certificate.id] = self._api.tags(certificate)
        return tags

    def _owns(self, tags: Mapping[str, str]) -> bool:
        return self._settings.owner_tags.items() <= tags.items()


def _merge(tags: Mapping[str, str], written: Mapping[str, str | None]) -> dict[str, str]:
    """Return a certificate's tags, with those that this invocation has written or removed."""
    return {key: value for key, value in {**tags, **written}.items() if value is not None}
