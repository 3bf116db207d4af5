"""Issues certificates like API Gateway's."""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID

__all__ = ["VALIDITY", "issue_certificate"]

VALIDITY: Final = timedelta(days=365)

# By default cryptography encodes these as UTF8String, and it has no public name for the type.
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


def issue_certificate(created: datetime | None = None) -> tuple[str, str, datetime]:
    """Issue a certificate as API Gateway does: self-signed, version 3, without extensions.

    All certificates have the same subject and no key identifiers, which limits how a backend can
    trust two of them at the same time (see docs/how-to/trust.md). tests/local_aws compares their
    structure with genuine certificates.

    Args:
        created: The start of the validity period. Defaults to the current time.

    Returns:
        The certificate (PEM with CRLF line breaks and no final one), its private key (PEM), and
        the start of the validity period in whole seconds.
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
