"""The public backend that two observations need: it says which client certificate it saw.

`examples/backends/echo.conf` is one. What it must do:

- serve HTTPS under a host name that is public, with a certificate from a public CA;
- refuse a request without a client certificate (HTTP 4xx, or no TLS connection);
- answer one with a client certificate, whoever issued it, with 200 and the certificate's SHA-1
  fingerprint as hexadecimal digits in the body.
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
    """A backend by its URL."""

    url: str

    def check(self) -> None:
        """Call the backend without a client certificate, which it must refuse.

        Raises:
            Problem: it does not, or it cannot be called at all.
        """
        if not _is_https(self.url):
            raise Problem(f"BACKEND_URL {self.url!r} is not an https URL: {ADVICE}")
        try:
            with urllib.request.urlopen(self.url, timeout=15) as response:
                said = f"answers {response.status} to a request without a client certificate"
        except urllib.error.HTTPError as error:
            if 400 <= error.code < 500 and error.code != 404:
                return
            said = f"answers {error.code}"
        except (OSError, HTTPException) as error:
            reason = error.reason if isinstance(error, urllib.error.URLError) else error
            if isinstance(reason, ssl.SSLError) and "ALERT" in str(reason):
                return  # it refuses by TLS
            said = f"cannot be called ({reason})"
        raise Problem(f"BACKEND_URL {self.url!r} {said}: {ADVICE}")

    def saw(self, body: str, pem: str) -> bool:
        """Return whether the backend's answer names this certificate."""
        certificate = x509.load_pem_x509_certificate(pem.encode())
        fingerprint = certificate.fingerprint(hashes.SHA1()).hex()
        return fingerprint in body.lower().replace(":", "")

    def problem(self, caller: str, body: str) -> Problem:
        """Return the error of a backend that does not name the certificate it was shown."""
        return Problem(
            f"BACKEND_URL {self.url!r} answered a {caller} with {body[:100]!r} instead of the "
            f"fingerprint of its client certificate: {ADVICE}"
        )


def _is_https(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme == "https" and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
