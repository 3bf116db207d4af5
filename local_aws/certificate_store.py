"""The client certificates of one account in one Region, and the operations on them."""

import secrets
import string
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from . import issuing
from .responses import ApiError
from .tag_rules import check_tags

__all__ = ["Certificate", "CertificateStore", "Identity"]


@dataclass
class Certificate:
    """A client certificate. `created` and `expires` are UTC, in whole seconds.

    No operation of the API returns `private_key` (PEM).
    """

    id: str
    pem: str
    private_key: str = field(repr=False)
    created: datetime
    expires: datetime
    sequence: int
    description: str | None = None
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Identity:
    """What a TLS client presents: its certificate and private key, both PEM."""

    certificate: str
    private_key: str


class CertificateStore:
    """Client certificates in memory. Safe to call from several threads.

    Args:
        quota: The maximum number of certificates.
        stages_using: Returns the stages that use the certificate with this ID. A certificate in
            use cannot be deleted.
        now: Returns the time at which a certificate is issued.
    """

    def __init__(
        self,
        quota: int,
        stages_using: Callable[[str], list[str]],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.quota, self.stages_using, self.now = quota, stages_using, now
        self.certificates: dict[str, Certificate] = {}
        self._sequence = 0
        self._lock = threading.RLock()

    def generate(self, description: str | None, tags: Mapping[str, str]) -> Certificate:
        """Issue a certificate and store it.

        Raises:
            ApiError: A tag is invalid, or the quota is reached.
        """
        with self._lock:
            check_tags(tags)
            if len(self.certificates) >= self.quota:
                raise ApiError(
                    "LimitExceededException",
                    f"{self.quota} client certificates exist, which is this account's quota: "
                    "delete one, or request a higher quota (L-824C9E42)",
                    retry_after=1,
                )
            self._sequence += 1
            pem, private_key, created = self._issue()
            certificate = Certificate(
                id=self._unused_id(),
                pem=pem,
                private_key=private_key,
                created=created,
                expires=created + issuing.VALIDITY,
                sequence=self._sequence,
                description=description,
                tags=dict(tags),
            )
            self.certificates[certificate.id] = certificate
            return certificate

    def _issue(self) -> tuple[str, str, datetime]:
        return issuing.issue_certificate(self.now())

    def get(self, id: str) -> Certificate:
        """Return the certificate with this ID.

        Raises:
            ApiError: The certificate does not exist.
        """
        with self._lock:
            if id not in self.certificates:
                raise ApiError("NotFoundException", f"Invalid client certificate identifier: {id}")
            return self.certificates[id]

    def identity(self, id: str) -> Identity:
        """Return the certificate with its private key, for a TLS client to present.

        Raises:
            ApiError: The certificate does not exist.
        """
        certificate = self.get(id)
        return Identity(certificate.pem, certificate.private_key)

    def page(self, limit: int, after: int) -> tuple[list[Certificate], bool]:
        """Return a page of certificates in the order of their creation.

        Args:
            limit: The maximum number of certificates to return.
            after: The `sequence` of the last certificate on the previous page; 0 at the start.

        Returns:
            The certificates, and whether more follow.
        """
        with self._lock:
            found = [item for item in self.certificates.values() if item.sequence > after]
            return found[:limit], len(found) > limit

    def update(self, id: str, operations: Any) -> Certificate:
        """Apply patch operations, all or none, and return the certificate.

        Args:
            id: The certificate's ID.
            operations: `patchOperations` as parsed from JSON. The API supports only the
                replacement of `/description`.

        Raises:
            ApiError: The certificate does not exist, or an operation is invalid.
        """
        with self._lock:
            certificate = self.get(id)
            if not isinstance(operations, list):
                raise ApiError("BadRequestException", "patchOperations must be a list")
            descriptions = [_new_description(operation) for operation in operations]
            if descriptions:
                certificate.description = descriptions[-1]
            return certificate

    def delete(self, id: str) -> None:
        """Delete a certificate.

        Raises:
            ApiError: The certificate does not exist, or a stage uses it.
        """
        with self._lock:
            self.get(id)
            if stages := self.stages_using(id):
                raise ApiError(
                    "BadRequestException",
                    f"client certificate {id} is used by stage {', '.join(stages)}: "
                    "remove it from the stage first",
                )
            del self.certificates[id]

    def tag(self, id: str, tags: Mapping[str, str]) -> None:
        """Add or overwrite tags.

        Raises:
            ApiError: The certificate does not exist, or a tag is invalid.
        """
        with self._lock:
            certificate = self.get(id)
            merged = {**certificate.tags, **tags}
            check_tags(merged)
            certificate.tags = merged

    def untag(self, id: str, keys: Sequence[str]) -> None:
        """Remove tags by key, ignoring keys that the certificate does not have.

        Raises:
            ApiError: The certificate does not exist, or there are no keys.
        """
        with self._lock:
            certificate = self.get(id)
            if not keys:
                raise ApiError("BadRequestException", "tagKeys is missing: name at least one key")
            certificate.tags = {
                key: value for key, value in certificate.tags.items() if key not in keys
            }

    def _unused_id(self) -> str:
        while True:
            id = "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(6))
            if id not in self.certificates:
                return id


def _new_description(operation: Any) -> str:
    match operation:
        case {"op": "replace", "path": "/description", "value": str(value)}:
            return value
    raise ApiError(
        "BadRequestException",
        f"Invalid patch operation {operation!r}: use replace of /description with a string value",
    )
