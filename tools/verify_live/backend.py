"""The public backend that two observations need: it returns the client certificate's fingerprint.

`examples/backends/echo.conf` configures such a backend. It must:

- serve HTTPS under a public host name, with a certificate from a public CA;
- refuse a request without a client certificate (HTTP 4xx, or no TLS connection);
- respond to a request with any client certificate with status 200 and the certificate's SHA-1
  fingerprint in hexadecimal.
"""

import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from typing import Final
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from tools.aws_account import Problem

ADVICE: Final = "see docs/operate/unverified.md, or leave BACKEND_URL out"


@dataclass(frozen=True)
class Backend:
    """A backend with the given URL."""

    url: str

    def check(self) -> None:
        """Call the backend without a client certificate, which it must refuse.

        Raises:
            Problem: It does not refuse the call, or it cannot be called.
        """
        if not _is_https(self.url):
            raise Problem(f"BACKEND_URL {self.url!r} is not an https URL: {ADVICE}")
        try:
            with urllib.request.urlopen(self.url, timeout=15) as response:
                problem = f"returns {response.status} to a request without a client certificate"
        except urllib.error.HTTPError as error:
            if 400 <= error.code < 500 and error.code != 404:
                return
            problem = f"returns {error.code}"
        except (OSError, HTTPException) as error:
            reason = error.reason if isinstance(error, urllib.error.URLError) else error
            if isinstance(reason, ssl.SSLError) and "ALERT" in str(reason):
                return  # it refuses the TLS handshake
            problem = f"cannot be called ({reason})"
        raise Problem(f"BACKEND_URL {self.url!r} {problem}: {ADVICE}")

    def saw(self, body: str, pem: str) -> bool:
        """Return whether a response of the backend contains this certificate's fingerprint."""
        certificate = x509.load_pem_x509_certificate(pem.encode())
        fingerprint = certificate.fingerprint(hashes.SHA1()).hex()
        return fingerprint in body.lower().replace(":", "")

    def problem(self, caller: str, body: str) -> Problem:
        """Return the error for a response without the certificate's fingerprint."""
        return Problem(
            f"BACKEND_URL {self.url!r} returned {body[:100]!r} to a {caller} instead of the "
            f"fingerprint of its client certificate: {ADVICE}"
        )


def _is_https(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme == "https" and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
