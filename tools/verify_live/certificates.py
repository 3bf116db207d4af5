"""Observations of client certificates."""

import re
from typing import Any, Final

from botocore.exceptions import ClientError
from cryptography import x509

from tools.aws_account import Problem

from . import resources
from .account import Account, denied, pauses
from .verdict import Verdict, judge

LIST_SECONDS: Final = 60
TOLERATED_LAG_SECONDS: Final = 2
"""The shortest time after which the function looks for the certificate of an earlier attempt."""
STRING_TYPES: Final = {0x0C: "UTF8String", 0x13: "PrintableString", 0x16: "IA5String"}
"""Names of the string types by their ASN.1 tags."""
ASSUMED_STRUCTURE: Final = (
    "issuer and subject C=US, L=Seattle, CN=ApiGateway (PrintableString); no extensions; "
    "PEM lines end in CRLF, the last one in nothing"
)


class NotListedError(Problem):
    """A new certificate does not appear in the list."""


def tags_in_list(account: Account) -> Verdict:
    """List a certificate that has a tag."""
    made = resources.certificate(account, tags={"verify-live": account.name})
    item, _ = _listed(account, made["clientCertificateId"])
    tags = item.get("tags")
    return judge(tags == {"verify-live": account.name}, f"the item of the list has tags {tags!r}")


def list_lag(account: Account) -> Verdict:
    """Measure three times how long it takes until the list contains a new certificate."""
    lags = []
    for _ in range(3):
        made = resources.certificate(account)
        try:
            lags.append(_listed(account, made["clientCertificateId"])[1])
        except NotListedError as error:
            return judge(False, str(error))
    seconds = ", ".join(f"{lag:.1f}" for lag in lags)
    return judge(max(lags) < TOLERATED_LAG_SECONDS, f"three were listed after {seconds} seconds")


def _listed(account: Account, id: str) -> tuple[dict[str, Any], float]:
    """Return a certificate's item in the list, and the seconds until it appeared."""
    for elapsed in pauses(LIST_SECONDS, longest=0.5):
        for item in resources.listed_certificates(account):
            if item["clientCertificateId"] == id:
                return item, elapsed
    raise NotListedError(f"client certificate {id} is not in the list after {LIST_SECONDS} s")


def empty_description(account: Account) -> Verdict:
    """Replace a description with an empty one."""
    id = resources.certificate(account)["clientCertificateId"]
    change = {"op": "replace", "path": "/description", "value": ""}
    try:
        account.gateway.update_client_certificate(clientCertificateId=id, patchOperations=[change])
    except ClientError as error:
        if denied(error):
            raise
        return judge(False, f"refused: {error}")
    left = account.gateway.get_client_certificate(clientCertificateId=id).get("description")
    return judge(not left, f"the description is {left!r} afterwards")


def structure(account: Account) -> Verdict:
    """Read a certificate."""
    seen = describe_structure(resources.certificate(account)["pemEncodedCertificate"])
    return judge(seen == ASSUMED_STRUCTURE, seen)


def describe_structure(pem: str) -> str:
    """Describe what matters when a server verifies the certificate or when PEMs are joined."""
    certificate = x509.load_pem_x509_certificate(pem.encode())
    issuer, subject = certificate.issuer, certificate.subject
    same = f"issuer and subject {_describe_name(issuer)}"
    differ = f"issuer {_describe_name(issuer)}; subject {_describe_name(subject)}"
    extensions = ", ".join(extension.oid._name for extension in certificate.extensions)
    breaks = {"\r\n": "CRLF", "\n": "LF", "": "nothing"}
    inside = sorted({breaks[it] for it in re.findall(r"\r?\n", pem.strip())})
    last = breaks[pem[len(pem.rstrip("\r\n")) :]]
    return (
        f"{same if issuer.public_bytes() == subject.public_bytes() else differ}; "
        f"{f'extensions {extensions}' if extensions else 'no extensions'}; "
        f"PEM lines end in {' and '.join(inside)}, the last one in {last}"
    )


def _describe_name(name: x509.Name) -> str:
    der = name.public_bytes()
    parts, types = [], set()
    for attribute in name:
        value = str(attribute.value)
        content = value.encode()
        tag = der[der.index(bytes([len(content)]) + content) - 1]
        types.add(STRING_TYPES.get(tag, f"string type {tag}"))
        parts.append(f"{attribute.rfc4514_attribute_name}={value}")
    return f"{', '.join(parts)} ({', '.join(sorted(types))})"
