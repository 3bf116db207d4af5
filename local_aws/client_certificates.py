"""API Gateway's client certificates: the API's eight operations, over HTTP but without a server.

`ClientCertificates.handle` takes a request's parts and returns the response's. Who serves it (the
local AWS, a plain `http.server` with scripted faults) is none of its concern.

Sources: the API Gateway API reference (`GenerateClientCertificate` and its siblings, `TagResource`,
`UntagResource`, `GetTags`), botocore's service model of `apigateway` for the wire form, and the
developer guide for the quotas, the tag restrictions and the certificate itself ("Generate and
configure an SSL certificate for backend authentication").
"""

import base64
import json
import math
import re
import secrets
import string
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import unquote

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID

__all__ = ["ApiError", "Certificate", "ClientCertificates", "Identity", "Response", "TokenBucket"]

VALIDITY: Final = timedelta(days=365)
DEFAULT_LIMIT: Final = 25
MAX_LIMIT: Final = 500
MAX_TAGS: Final = 50
MAX_TAG_KEY: Final = 128
MAX_TAG_VALUE: Final = 256
REQUESTS_PER_SECOND: Final = 10
BURST: Final = 40

_STATUS: Final = {
    "BadRequestException": 400,
    "UnauthorizedException": 401,
    "AccessDeniedException": 403,
    "MissingAuthenticationTokenException": 403,
    "NotFoundException": 404,
    "ConflictException": 409,
    "LimitExceededException": 429,
    "TooManyRequestsException": 429,
}
_TAG_CHARACTERS: Final = re.compile(r"[\w +\-=.:/@]*")
_ARN: Final = re.compile(r"arn:([^:]*):apigateway:([^:]*)::/clientcertificates/([^/]+)")
# cryptography writes UTF8Strings unless it is told otherwise, for which it has no public name.
_SUBJECT: Final = x509.Name(
    [
        x509.NameAttribute(oid, value, _ASN1Type.PrintableString)
        for oid, value in (
            (NameOID.COUNTRY_NAME, "US"),
            (NameOID.LOCALITY_NAME, "Seattle"),
            (NameOID.COMMON_NAME, "ApiGateway"),
        )
    ]
)


@dataclass(frozen=True)
class Response:
    """An HTTP response: status, headers and the body's bytes."""

    status: int
    headers: dict[str, str]
    body: bytes


class ApiError(Exception):
    """An error of the API, by the name of its exception (`NotFoundException`, …).

    `retry_after` is in seconds; it goes out as the header that botocore turns into
    `retryAfterSeconds`.
    """

    def __init__(self, code: str, message: str, *, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.retry_after = code, message, retry_after

    def response(self) -> Response:
        """The error as it goes over the wire."""
        headers = {"x-amzn-ErrorType": self.code}
        if self.retry_after is not None:
            headers["Retry-After"] = str(self.retry_after)
        return _respond(_STATUS[self.code], {"message": self.message}, headers)


@dataclass(frozen=True)
class Identity:
    """What a TLS client presents: the certificate and its private key, both PEM."""

    certificate: str
    private_key: str


@dataclass
class Certificate:
    """One client certificate. `created` and `expires` are UTC, in whole seconds.

    `private_key` (PEM) never leaves the server side: no operation returns it.
    """

    id: str
    pem: str
    private_key: str = field(repr=False)
    created: datetime
    expires: datetime
    sequence: int
    description: str | None = None
    tags: dict[str, str] = field(default_factory=dict)


class TokenBucket:
    """`rate` tokens a second, `burst` at the most. `clock` is in seconds, monotonic."""

    def __init__(
        self,
        rate: float = REQUESTS_PER_SECOND,
        burst: int = BURST,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._tokens, self._at = float(burst), clock()

    def wait(self) -> float:
        """Take a token and return 0; where there is none, the seconds until there is one."""
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens < 1:
            return (1 - self._tokens) / self._rate
        self._tokens -= 1
        return 0.0


class ClientCertificates:
    """The client certificates of one account in one Region. Safe to call from many threads.

    `quota`: certificates that may exist at once. `throttled`: 10 requests a second, burst 40, for
    all operations together. `tags_in_list`: whether list items carry their tags; the API's page
    does not say whether the real ones do. `stages_using`: the stages that carry a certificate's
    ID, which keep it from being deleted. All are plain attributes and may be changed at any time.
    """

    def __init__(
        self,
        region: str = "us-east-1",
        partition: str = "aws",
        *,
        quota: int = 60,
        throttled: bool = False,
        tags_in_list: bool = True,
        stages_using: Callable[[str], list[str]] = lambda id: [],
        bucket: TokenBucket | None = None,
    ) -> None:
        self.region, self.partition = region, partition
        self.quota, self.throttled, self.tags_in_list = quota, throttled, tags_in_list
        self.stages_using = stages_using
        self.certificates: dict[str, Certificate] = {}
        self._bucket = bucket or TokenBucket()
        self._sequence = 0
        self._lock = threading.RLock()

    # HTTP

    def handles(self, method: str, path: str) -> bool:
        """Whether this raw path is one of the API's: certificates, or the tags of one."""
        if path == "/clientcertificates" or path.startswith("/clientcertificates/"):
            return True
        return path.startswith("/tags/") and _ARN.fullmatch(unquote(path[6:])) is not None

    def handle(
        self, method: str, path: str, query: Mapping[str, Sequence[str]], body: bytes
    ) -> Response:
        """The response to one request; `path` is raw, that is, still percent-encoded."""
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

    def _route(
        self, method: str, path: str, query: Mapping[str, Sequence[str]], body: bytes
    ) -> Response:
        _, collection, *rest = path.split("/", 2)
        name = unquote(rest[0]) if rest else ""
        match method, collection, bool(name):
            case "POST", "clientcertificates", False:
                given = _members(body, "description", "tags")
                made = self.generate(
                    _optional_string(given, "description"), _string_map(given, "tags")
                )
                return _respond(201, _wire(made))
            case "GET", "clientcertificates", False:
                return _respond(200, self._page(query))
            case "GET", "clientcertificates", True:
                return _respond(200, _wire(self.get(name)))
            case "PATCH", "clientcertificates", True:
                operations = _members(body, "patchOperations").get("patchOperations", [])
                return _respond(200, _wire(self.update(name, operations)))
            case "DELETE", "clientcertificates", True:
                self.delete(name)
                return _respond(202)
            case "PUT", "tags", True:
                given = _members(body, "tags")
                if "tags" not in given:
                    raise ApiError("BadRequestException", "tags are missing: name at least one")
                self.tag(self._id(name), _string_map(given, "tags"))
                return _respond(204)
            case "DELETE", "tags", True:
                self.untag(self._id(name), query.get("tagKeys", []))
                return _respond(204)
            case "GET", "tags", True:
                # The API takes both and its page says "not currently supported": all come at once.
                _limit(query)
                return _respond(200, {"tags": self.get(self._id(name)).tags})
        raise ApiError("MissingAuthenticationTokenException", "Missing Authentication Token")

    # Operations

    def arn(self, id: str) -> str:
        """The ARN that tag calls name: without an account, as API Gateway's are."""
        return f"arn:{self.partition}:apigateway:{self.region}::/clientcertificates/{id}"

    def identity(self, id: str) -> Identity:
        """The certificate and its private key, for presenting it. Raises `ApiError` (not found)."""
        found = self.get(id)
        return Identity(found.pem, found.private_key)

    def generate(self, description: str | None, tags: Mapping[str, str]) -> Certificate:
        """A new certificate. Raises `ApiError`: a bad tag, or the quota is full."""
        with self._lock:
            _check_tags(tags)
            if len(self.certificates) >= self.quota:
                raise ApiError(
                    "LimitExceededException",
                    f"{self.quota} client certificates exist, which is this account's quota: "
                    "delete one, or ask for a higher quota (L-824C9E42)",
                    retry_after=1,
                )
            self._sequence += 1
            pem, key, created = _issue()
            made = Certificate(
                id=self._unused_id(),
                pem=pem,
                private_key=key,
                created=created,
                expires=created + VALIDITY,
                sequence=self._sequence,
                description=description,
                tags=dict(tags),
            )
            self.certificates[made.id] = made
            return made

    def get(self, id: str) -> Certificate:
        """The certificate of this ID. Raises `ApiError` (not found)."""
        with self._lock:
            if id not in self.certificates:
                raise ApiError("NotFoundException", f"Invalid client certificate identifier: {id}")
            return self.certificates[id]

    def update(self, id: str, operations: Any) -> Certificate:
        """Apply patch operations: `replace /description`, and no other. All of them or none."""
        with self._lock:
            found = self.get(id)
            if not isinstance(operations, list):
                raise ApiError("BadRequestException", "patchOperations must be a list")
            descriptions = [_new_description(operation) for operation in operations]
            if descriptions:
                found.description = descriptions[-1]
            return found

    def delete(self, id: str) -> None:
        """Delete it. Raises `ApiError`: not found, or a stage carries it."""
        with self._lock:
            self.get(id)
            if stages := self.stages_using(id):
                raise ApiError(
                    "BadRequestException",
                    f"client certificate {id} is used by stage {', '.join(stages)}: "
                    "remove it from there first",
                )
            del self.certificates[id]

    def tag(self, id: str, tags: Mapping[str, str]) -> None:
        """Add or overwrite tags. Raises `ApiError`: not found, or a tag breaks a rule."""
        with self._lock:
            found = self.get(id)
            merged = {**found.tags, **tags}
            _check_tags(merged)
            found.tags = merged

    def untag(self, id: str, keys: Sequence[str]) -> None:
        """Remove tags by key; keys that it does not carry are no error, none at all is one."""
        with self._lock:
            found = self.get(id)
            if not keys:
                raise ApiError("BadRequestException", "tagKeys is missing: name at least one key")
            found.tags = {k: v for k, v in found.tags.items() if k not in keys}

    # Details

    def _page(self, query: Mapping[str, Sequence[str]]) -> dict[str, Any]:
        limit, after = _limit(query), _position(query)
        rest = [found for found in self.certificates.values() if found.sequence > after]
        page, more = rest[:limit], len(rest) > limit
        items = [_wire(found, tags=self.tags_in_list) for found in page]
        # The position names the last one seen, so that a deletion between two pages skips none.
        return {"item": items} | ({"position": _opaque(page[-1].sequence)} if more else {})

    def _id(self, arn: str) -> str:
        match = _ARN.fullmatch(arn)
        if not match or match.groups()[:2] != (self.partition, self.region):
            raise ApiError("BadRequestException", f"Invalid resource ARN: {arn}")
        return match[3]

    def _unused_id(self) -> str:
        while True:
            id = "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(6))
            if id not in self.certificates:
                return id


def _issue(created: datetime | None = None) -> tuple[str, str, datetime]:
    """Issue a certificate as API Gateway does: self-signed, version 3, without extensions.

    All have the same name and no key identifiers, which limits how a backend can trust two of them:
    docs/trust.md. tests/local_aws compares their structure with genuine certificates.

    Args:
        created: the start of the certificate's lifetime; now, unless given.

    Returns:
        The certificate (PEM with CRLF and no final line break), its private key (PEM), and when it
        was created.
    """
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    created = (created or datetime.now(UTC)).replace(microsecond=0)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(_SUBJECT)
        .issuer_name(_SUBJECT)
        .public_key(key.public_key())
        .serial_number(2**56 + secrets.randbelow(2**64 - 2**56))  # 8 bytes
        .not_valid_before(created)
        .not_valid_after(created + VALIDITY)
        .sign(key, hashes.SHA256())
    )
    private_key = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
    return pem.rstrip("\n").replace("\n", "\r\n"), private_key.decode(), created


def _respond(
    status: int, document: Any = None, headers: Mapping[str, str] | None = None
) -> Response:
    body = b"" if document is None else json.dumps(document).encode()
    return Response(status, {"Content-Type": "application/json", **(headers or {})}, body)


def _wire(certificate: Certificate, *, tags: bool = True) -> dict[str, Any]:
    """A certificate as JSON. The model's timestamps are epoch seconds in this protocol."""
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


def _new_description(operation: Any) -> str:
    match operation:
        case {"op": "replace", "path": "/description", "value": str(value)}:
            return value
    raise ApiError(
        "BadRequestException",
        f"Invalid patch operation {operation!r}: use replace of /description with a string value",
    )


def _check_tags(tags: Mapping[str, str]) -> None:
    if len(tags) > MAX_TAGS:
        raise ApiError("BadRequestException", f"{len(tags)} tags: keep {MAX_TAGS} or fewer")
    for key, value in tags.items():
        if violation := _tag_violation(key, value):
            raise ApiError("BadRequestException", violation)


def _tag_violation(key: str, value: str) -> str | None:
    if not 1 <= len(key) <= MAX_TAG_KEY:
        return f"tag key {key!r} has {len(key)} characters: use 1 to {MAX_TAG_KEY}"
    if len(value) > MAX_TAG_VALUE:
        return f"value of tag {key!r} has {len(value)} characters: use {MAX_TAG_VALUE} or fewer"
    if key.lower().startswith("aws:"):
        return f"tag key {key!r} starts with 'aws:', which is reserved: rename it"
    if not _TAG_CHARACTERS.fullmatch(key) or not _TAG_CHARACTERS.fullmatch(value):
        return f"tag {key!r} = {value!r}: use letters, digits, spaces and + - = . _ : / @"
    return None


def _limit(query: Mapping[str, Sequence[str]]) -> int:
    given = query.get("limit") or [str(DEFAULT_LIMIT)]
    if not given[0].isdecimal() or not 1 <= int(given[0]) <= MAX_LIMIT:
        raise ApiError("BadRequestException", f"limit {given[0]!r}: use 1 to {MAX_LIMIT}")
    return int(given[0])


def _position(query: Mapping[str, Sequence[str]]) -> int:
    given = query.get("position")
    if not given:
        return 0
    try:
        return int(base64.b64decode(given[0], validate=True))
    except ValueError:
        raise ApiError(
            "BadRequestException",
            f"Invalid position {given[0]!r}: use the one that the page before returned",
        ) from None


def _opaque(sequence: int) -> str:
    return base64.b64encode(str(sequence).encode()).decode()
