"""Compare issued certificates with genuine ones of API Gateway."""

import base64
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

from local_aws.client_certificates import ClientCertificates

GENUINE = Path(__file__).parent / "genuine_certificates"


@dataclass(frozen=True)
class Structure:
    """The properties that all certificates of API Gateway share."""

    version: x509.Version
    serial_number_bytes: int
    signature_algorithm: str
    subject: bytes
    """DER, which includes the string types."""
    issuer: bytes
    lifetime: timedelta
    public_key: tuple[int, int]
    """Bits and exponent."""
    extensions: int
    der_length: int
    """Without the leading zero that DER adds to a serial number whose first bit is set."""


def structure(pem: bytes) -> Structure:
    certificate = x509.load_pem_x509_certificate(pem)
    key = certificate.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    serial_number = certificate.serial_number
    leading_zero = serial_number.bit_length() % 8 == 0
    return Structure(
        version=certificate.version,
        serial_number_bytes=(serial_number.bit_length() + 7) // 8,
        signature_algorithm=certificate.signature_algorithm_oid.dotted_string,
        subject=certificate.subject.public_bytes(),
        issuer=certificate.issuer.public_bytes(),
        lifetime=certificate.not_valid_after_utc - certificate.not_valid_before_utc,
        public_key=(key.key_size, key.public_numbers().e),
        extensions=len(certificate.extensions),
        der_length=len(certificate.public_bytes(Encoding.DER)) - leading_zero,
    )


@pytest.fixture(scope="module")
def pems() -> list[str]:
    """Return several PEMs, since serial numbers are random."""
    store = ClientCertificates("us-east-1")
    return [store.generate(None, {}).pem for _ in range(5)]


@pytest.mark.parametrize("genuine", ["2016.pem", "2017.pem"])
def test_has_the_structure_of_a_genuine_certificate(pems: list[str], genuine: str) -> None:
    expected = structure((GENUINE / genuine).read_bytes())
    assert [structure(pem.encode()) for pem in pems] == [expected] * len(pems)


def test_genuine_certificates_have_the_documented_figures() -> None:
    found = structure((GENUINE / "2016.pem").read_bytes())
    assert (found.version, found.serial_number_bytes) == (x509.Version.v3, 8)
    assert (found.public_key, found.lifetime) == ((2048, 65537), timedelta(days=365))
    assert (found.extensions, found.der_length) == (0, 748)
    assert found.subject == found.issuer
    # In DER, 0x13 is the tag of a PrintableString, and the string's length follows.
    for printable_string in (b"\x13\x02US", b"\x13\x07Seattle", b"\x13\x0aApiGateway"):
        assert printable_string in found.subject


def test_pem_has_crlf_and_no_final_line_break(pems: list[str]) -> None:
    for pem in pems:
        first, *body, last = pem.split("\r\n")
        assert first == "-----BEGIN CERTIFICATE-----"
        assert last == "-----END CERTIFICATE-----"
        assert {len(line) for line in body[:-1]} == {64}
        assert "\n" not in "".join(body)
        assert len(base64.b64decode("".join(body))) in (748, 749)
