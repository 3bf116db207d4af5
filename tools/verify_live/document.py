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

This project was developed without a live AWS account, from AWS's documentation and with tests
against a local AWS. This page lists the assumptions that neither can prove. You can verify them in
your own account:

```bash
make verify-live
```

The command uses your credentials and Region (`AWS_PROFILE`, `AWS_REGION`). It shows the account,
the Region and the resources that it will create, and asks for confirmation (`YES=1` skips the
question). All resources have a unique name, and the command removes them, even after Ctrl-C. If it
cannot remove a resource, it prints the command that does. It takes several minutes, because API
Gateway allows one deletion of a REST API every 30 seconds, and costs a few cents at most. It needs
permission to manage API Gateway, CloudFormation, S3 buckets, IAM roles, Lambda functions, log
groups and SSM parameters, so use a test account. It prints a table like the one below with what it
observed. Please open an issue with the result.

The exit code is 0 if it made every possible observation and removed everything, whatever it
observed, 130 after an interrupt, and 1 otherwise. The last line of output says what to do.

| Claim | Where the code relies on it | If it is otherwise | How to verify it |
|---|---|---|---|
"""

BACKEND: Final = """
## The backend for `BACKEND_URL`

Two claims need a backend that returns the fingerprint of the client certificate it received:

- It serves HTTPS under a public host name, with a certificate from a public CA.
- It refuses a request without a client certificate: HTTP 4xx, or no TLS connection.
- It accepts every client certificate, from any issuer, and responds with status 200 and the
  certificate's SHA-1 fingerprint in hexadecimal. The certificates exist only during the run, so the
  backend cannot know them in advance.

[`examples/backends/echo.conf`](../../examples/backends/echo.conf) configures nginx as such a
backend. Stop it afterwards, because it accepts any client certificate.
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
    """Return a link to a file of the repository, or only the name of a folder."""
    page = {"SECURITY.md": "docs/reference/permissions.md"}.get(path, path)
    target = os.path.relpath(ROOT / page, PAGE.parent)
    return f"[`{path}`]({target})" if (ROOT / path).is_file() else f"`{path}`"


if __name__ == "__main__":
    PAGE.write_text(page())
