"""The settings of a server process, and the TLS certificate that it serves with."""

import json
import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

HOST: Final = "localhost"
ADDRESS: Final = "127.0.0.1"
ACCOUNT: Final = "000000000000"
"""No real account has this ID, so it cannot be mistaken for one."""


def aws_variables(region: str, access_key: str, secret_key: str) -> dict[str, str]:
    """Return the AWS variables of a process: Region, credentials and no configuration files."""
    return {
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ACCESS_KEY_ID": access_key,
        "AWS_SECRET_ACCESS_KEY": secret_key,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@dataclass(frozen=True)
class Settings:
    """The settings of a server process. See `ClientCertificates` for those not listed here.

    Attributes:
        socket: The file descriptor of a listening socket.
        folder: The temporary folder of the run.
        certificate: The PEM file of the server's certificate.
        private_key: The PEM file of the server's private key.
        trust: A PEM file of additional CAs to trust when calling backends of HTTP integrations.
        certificate_needs_deployment: See `LocalAws`, as for the next one.
        update_resets_certificate: See `LocalAws`.
    """

    socket: int
    folder: str
    certificate: str
    private_key: str
    quota: int = 60
    throttled: bool = False
    tags_in_list: bool = True
    trust: str | None = None
    certificate_needs_deployment: bool = False
    update_resets_certificate: bool = False

    def to_json(self) -> str:
        """Return the settings as JSON, for the command line of the server."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Settings":
        """Return the settings that `to_json` encoded."""
        return cls(**json.loads(text))


@dataclass(frozen=True)
class ServerCertificate:
    """A certificate for localhost, its private key and the CA to trust, all PEM."""

    authority: bytes
    certificate: bytes
    private_key: bytes


def issue_server_certificate() -> ServerCertificate:
    """Issue a certificate for one run, from a new CA whose private key is not kept.

    A single self-signed certificate would not do: strict verifiers (the default context of
    Python 3.13, rustls) reject a server certificate that is also a CA.
    """
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "local AWS, this run only")])
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    identifier = x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key())
    names = [x509.DNSName(HOST), x509.IPAddress(ip_address(ADDRESS))]
    authority = (
        _builder(issuer, issuer, authority_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(identifier, critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    certificate = (
        _builder(subject, issuer, key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier),
            critical=False,
        )
        .sign(authority_key, hashes.SHA256())
    )
    return ServerCertificate(
        authority=authority.public_bytes(serialization.Encoding.PEM),
        certificate=certificate.public_bytes(serialization.Encoding.PEM),
        private_key=key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(days=7))
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
