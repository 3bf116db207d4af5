"""API Gateway's client certificate API: its eight operations over HTTP, without a server.

`ClientCertificates.handle` takes the parts of a request and returns a response, so that any server
can serve it: the local AWS, or an `http.server` that injects faults.

Sources: the API Gateway API reference (`GenerateClientCertificate` and its siblings, `TagResource`,
`UntagResource`, `GetTags`), botocore's service model of `apigateway` for the wire format, and the
developer guide for the quotas, the tag restrictions and the certificate itself ("Generate and
configure an SSL certificate for backend authentication").
"""

import base64
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import unquote

from .certificate_store import Certificate, CertificateStore
from .responses import ApiError, Response, json_response
from .throttling import TokenBucket

__all__ = ["ClientCertificates"]

DEFAULT_LIMIT: Final = 25
MAX_LIMIT: Final = 500
_ARN: Final = re.compile(r"arn:([^:]*):apigateway:([^:]*)::/clientcertificates/([^/]+)")


class ClientCertificates(CertificateStore):
    """The client certificate API of one account in one Region. Safe to call from several threads.

    All arguments but the bucket are attributes too, and may be changed at any time.

    Args:
        region: The Region, as in the certificates' ARNs.
        partition: The partition, as in the certificates' ARNs.
        quota: The maximum number of certificates.
        throttled: Whether to limit all operations together to 10 requests per second, with a
            burst of 40.
        tags_in_list: Whether list items contain their tags. The API reference does not say whether
            those of the real API do.
        stages_using: Returns the stages that use the certificate with this ID. A certificate in
            use cannot be deleted.
        now: Returns the time at which a certificate is issued.
        bucket: The token bucket of the throttling.
    """

    def __init__(
        self,
        region: str = "us-east-1",
        partition: str = "aws",
        *,
        quota: int = 60,
        throttled: bool = False,
        tags_in_list: bool = True,
        stages_using: Callable[[str], list[str]] = lambda _: [],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        bucket: TokenBucket | None = None,
    ) -> None:
        super().__init__(quota, stages_using, now)
        self.region, self.partition = region, partition
        self.throttled, self.tags_in_list = throttled, tags_in_list
        self._bucket = bucket or TokenBucket()

    def handles(self, path: str) -> bool:
        """Return whether a raw path belongs to this API: certificates, or the tags of one."""
        if path == "/clientcertificates" or path.startswith("/clientcertificates/"):
            return True
        return path.startswith("/tags/") and _ARN.fullmatch(unquote(path[6:])) is not None

    def handle(
        self, method: str, path: str, query: Mapping[str, Sequence[str]], body: bytes
    ) -> Response:
        """Return the response to a request. `path` is raw, that is, still percent-encoded."""
        try:
            with self._lock:
                if self.throttled and (wait := self._bucket.wait()):
                    raise ApiError(
                        "TooManyRequestsException",
                        "Too Many Requests",
                        retry_after=math.ceil(wait),
                    )
                return self._route(method, path, query, body)
        except ApiError as error:
            return error.response()

    def arn(self, id: str) -> str:
        """Return a certificate's ARN, which, as always in API Gateway, has no account."""
        return f"arn:{self.partition}:apigateway:{self.region}::/clientcertificates/{id}"

    def _route(
        self, method: str, path: str, query: Mapping[str, Sequence[str]], body: bytes
    ) -> Response:
        _, collection, *rest = path.split("/", 2)
        name = unquote(rest[0]) if rest else ""
        match method, collection, bool(name):
            case "POST", "clientcertificates", False:
                members = _members(body, "description", "tags")
                certificate = self.generate(
                    _optional_string(members, "description"), _string_map(members, "tags")
                )
                return json_response(201, _to_json(certificate))
            case "GET", "clientcertificates", False:
                return json_response(200, self._page(query))
            case "GET", "clientcertificates", True:
                return json_response(200, _to_json(self.get(name)))
            case "PATCH", "clientcertificates", True:
                operations = _members(body, "patchOperations").get("patchOperations", [])
                return json_response(200, _to_json(self.update(name, operations)))
            case "DELETE", "clientcertificates", True:
                self.delete(name)
                return json_response(202)
            case "PUT", "tags", True:
                members = _members(body, "tags")
                if "tags" not in members:
                    raise ApiError("BadRequestException", "tags are missing: name at least one")
                self.tag(self._id_in(name), _string_map(members, "tags"))
                return json_response(204)
            case "DELETE", "tags", True:
                self.untag(self._id_in(name), query.get("tagKeys", []))
                return json_response(204)
            case "GET", "tags", True:
                # GetTags accepts `limit` and `position` but ignores them: it returns all tags.
                _limit(query)
                return json_response(200, {"tags": self.get(self._id_in(name)).tags})
        raise ApiError("MissingAuthenticationTokenException", "Missing Authentication Token")

    def _page(self, query: Mapping[str, Sequence[str]]) -> dict[str, Any]:
        certificates, more = self.page(_limit(query), _position(query))
        items = [_to_json(item, tags=self.tags_in_list) for item in certificates]
        if not more:
            return {"item": items}
        # The last certificate of this page rather than an index, so that a deletion between two
        # pages does not make the client skip a certificate.
        return {"item": items, "position": _encode_position(certificates[-1].sequence)}

    def _id_in(self, arn: str) -> str:
        match = _ARN.fullmatch(arn)
        if not match or match.groups()[:2] != (self.partition, self.region):
            raise ApiError("BadRequestException", f"Invalid resource ARN: {arn}")
        return match[3]


def _to_json(certificate: Certificate, *, tags: bool = True) -> dict[str, Any]:
    """Return a certificate as in a response, with timestamps in epoch seconds."""
    document: dict[str, Any] = {
        "clientCertificateId": certificate.id,
        "pemEncodedCertificate": certificate.pem,
        "createdDate": int(certificate.created.timestamp()),
        "expirationDate": int(certificate.expires.timestamp()),
    }
    if certificate.description is not None:
        document["description"] = certificate.description
    if tags and certificate.tags:
        document["tags"] = certificate.tags
    return document


def _members(body: bytes, *known: str) -> dict[str, Any]:
    try:
        document = json.loads(body or b"{}")
    except ValueError:
        raise ApiError("BadRequestException", "the body is not JSON") from None
    if not isinstance(document, dict):
        raise ApiError("BadRequestException", "the body is not a JSON object")
    if unknown := sorted(document.keys() - set(known)):
        raise ApiError("BadRequestException", f"unknown member {unknown[0]!r}: use {known}")
    return document


def _optional_string(document: Mapping[str, Any], name: str) -> str | None:
    value = document.get(name)
    if value is not None and not isinstance(value, str):
        raise ApiError("BadRequestException", f"{name} must be a string, not {value!r}")
    return value


def _string_map(document: Mapping[str, Any], name: str) -> dict[str, str]:
    value = document.get(name) or {}
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise ApiError("BadRequestException", f"{name} must be a map of strings, not {value!r}")
    return value


def _limit(query: Mapping[str, Sequence[str]]) -> int:
    limit = (query.get("limit") or [str(DEFAULT_LIMIT)])[0]
    if not limit.isdecimal() or not 1 <= int(limit) <= MAX_LIMIT:
        raise ApiError("BadRequestException", f"invalid limit {limit!r}: use 1 to {MAX_LIMIT}")
    return int(limit)


def _position(query: Mapping[str, Sequence[str]]) -> int:
    positions = query.get("position")
    if not positions:
        return 0
    try:
        return int(base64.b64decode(positions[0], validate=True))
    except ValueError:
        raise ApiError(
            "BadRequestException",
            f"Invalid position {positions[0]!r}: use the one from the previous page",
        ) from None


def _encode_position(sequence: int) -> str:
    return base64.b64encode(str(sequence).encode()).decode()
