"""Write docs/operate/unverified.md from the claims: `python -m tools.verify_live.document`."""

import os
from pathlib import Path
from typing import Final

from .claims import CLAIMS, Claim

ROOT: Final = Path(__file__).resolve().parents[2]
PAGE: Final = ROOT / "docs" / "operate" / "unverified.md"

HEAD: Final = """\
# Unverified

<!-- Written by `python -m tools.verify_live.document` from tools/verify_live/claims.py. -->

This project was built without a live AWS account. It is tested against a local AWS and written
from AWS's documentation; this page lists what neither can prove. Anyone with an account can settle
it:

```bash
make verify-live
```

The command uses your credentials and Region (`AWS_PROFILE`, `AWS_REGION`). It shows account, Region
and what it will create, and asks before it creates anything (`YES=1` skips the question). All that
it creates has a unique name, and is removed again, also after Ctrl-C; what cannot be removed is
listed with the commands that remove it. It takes minutes, because API Gateway deletes one REST API
in 30 seconds, and costs cents at most. It needs permission to manage API Gateway, CloudFormation,
S3 buckets, IAM roles, Lambda functions, log groups and SSM parameters: use an account for tests. It
prints a table like this one with what was observed. Please open an issue with it.

It exits with 0 if everything was observed that can be and everything was removed, whatever was
observed; with 1 if not, and 130 after an interrupt; the last line says what to do.

| Claim | Where the code relies on it | If it is otherwise | How to verify it |
|---|---|---|---|
"""

BACKEND: Final = """
## The backend for `BACKEND_URL`

Two claims need a backend that says which client certificate it saw:

- It serves HTTPS under a public host name, with a certificate from a public CA.
- It refuses a request without a client certificate: HTTP 4xx, or no TLS connection.
- It accepts every client certificate, whoever issued it, and answers 200 with the certificate's
  SHA-1 fingerprint in hexadecimal digits. The certificates exist only during the run, so it cannot
  know them in advance.

[`examples/backends/echo.conf`](../../examples/backends/echo.conf) makes nginx such a backend. Take
it down afterwards: it lets in everybody who has any certificate.
"""


def page() -> str:
    """Return the page."""
    return HEAD + "".join(map(_row, CLAIMS)) + BACKEND


def _row(claim: Claim) -> str:
    relied_on = ", ".join(map(_link, claim.relied_on))
    command = f"`make verify-live{' BACKEND_URL=https://…' if claim.needs_backend else ''}`"
    cells = (
        claim.text,
        relied_on or "nowhere",
        claim.otherwise,
        claim.by_hand or command,
    )
    return f"| {' | '.join(cells)} |\n"


def _link(path: str) -> str:
    """Return a link to a file of the repository; the name alone of a folder, which has no page."""
    page = {"SECURITY.md": "docs/reference/permissions.md"}.get(path, path)
    target = os.path.relpath(ROOT / page, PAGE.parent)
    return f"[`{path}`]({target})" if (ROOT / path).is_file() else f"`{path}`"


if __name__ == "__main__":
    PAGE.write_text(page())
