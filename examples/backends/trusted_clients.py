"""Write the client certificates of a bundle in the form that a server loads.

python3 trusted_clients.py pem     bundle.pem > trusted-clients.pem     (for every server)
python3 trusted_clients.py nginx   bundle.pem > trusted-clients.map     (for nginx too)
python3 trusted_clients.py haproxy bundle.pem > trusted-clients.sha256  (for HAProxy too)

A bundle holds one PEM after the other, as stack outputs and parameters have them: with any line
breaks, and with or without one between two PEMs. Without a file, it is read from standard input.
"""

import argparse
import base64
import hashlib
import re
import ssl
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

BEGIN = "-----BEGIN CERTIFICATE-----"
PEM = re.compile(f"{BEGIN}(.*?)-----END CERTIFICATE-----", re.DOTALL)


def read_bundle(text: str) -> list[bytes]:
    """Return each certificate of a bundle as DER, in the same order.

    Raises:
        ValueError: the bundle has no certificate, or one that is damaged.
    """
    bodies, begun = PEM.findall(text), text.count(BEGIN)
    if not bodies or len(bodies) != begun:
        raise ValueError(f"{len(bodies)} of {begun} PEMs are complete: get the bundle again")
    certificates = [base64.b64decode("".join(body.split()), validate=True) for body in bodies]
    for certificate in certificates:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=certificate)
    return certificates


def to_pem(certificate: bytes) -> str:
    """Return the PEM with LF and a final line break, so that another one may follow."""
    return ssl.DER_cert_to_PEM_cert(certificate)


def to_nginx(certificate: bytes) -> str:
    """Return a line for `map $ssl_client_escaped_cert`.

    It is a regular expression ("~") because a map compares strings without regard to case, and a
    PEM that differs in case is another certificate. An escaped PEM has no special characters.
    """
    return f'"~^{quote(to_pem(certificate), safe="")}$" 1;\n'


def to_haproxy(certificate: bytes) -> str:
    """Return the SHA-256 fingerprint in hexadecimal, which HAProxy reads as a pattern."""
    return hashlib.sha256(certificate).hexdigest() + "\n"


FORMATS: dict[str, Callable[[bytes], str]] = {
    "pem": to_pem,
    "nginx": to_nginx,
    "haproxy": to_haproxy,
}


def main() -> None:
    """Convert the bundles that the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("format", choices=FORMATS)
    parser.add_argument("bundle", type=Path, nargs="?")
    arguments = parser.parse_args()
    try:
        text = arguments.bundle.read_text() if arguments.bundle else sys.stdin.read()
        certificates = read_bundle(text)
    except (ValueError, OSError) as error:  # ssl.SSLError is an OSError
        sys.exit(f"{arguments.bundle or 'standard input'} is not a bundle of PEMs: {error}")
    print(*map(FORMATS[arguments.format], certificates), sep="", end="")


if __name__ == "__main__":
    main()
