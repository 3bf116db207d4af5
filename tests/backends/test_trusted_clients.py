"""trusted_clients.py reads any bundle and writes what the servers load."""

import hashlib
import re
import ssl
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.backends.servers import EXAMPLES, trusted_clients

GENUINE = [
    path.read_text()
    for path in sorted((Path(__file__).parents[1] / "local_aws/genuine_certificates").glob("*.pem"))
]
CRLF = [pem.strip().replace("\n", "\r\n") for pem in GENUINE]


@pytest.mark.parametrize(
    "bundle",
    [
        "".join(GENUINE),
        "".join(CRLF),
        "\r\n".join(CRLF),
        "\n\n".join(CRLF) + "\n",
        GENUINE[0] + CRLF[1],
        CRLF[0] + GENUINE[1],
    ],
    ids=["lf", "run-together", "crlf", "mixed", "lf-then-crlf", "crlf-then-lf"],
)
def test_normalizes_line_breaks(bundle: str) -> None:
    assert trusted_clients("pem", bundle) == "".join(GENUINE)


def test_writes_nginx_patterns_that_match_exactly() -> None:
    for line, pem in zip(
        trusted_clients("nginx", "".join(CRLF)).splitlines(), GENUINE, strict=True
    ):
        # "~" compares exactly, "~*" and a plain string without regard to case.
        [escaped] = re.fullmatch(r'"~\^([-%\w]+)\$" 1;', line).groups()  # type: ignore[union-attr]
        assert unquote(escaped) == pem


def test_writes_haproxy_patterns() -> None:
    digests = [hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest() for pem in GENUINE]
    assert trusted_clients("haproxy", "".join(CRLF)).split() == digests


def test_reads_a_file(tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes("".join(CRLF).encode())
    assert _run("pem", str(bundle)).stdout == "".join(GENUINE)


@pytest.mark.parametrize(
    "bundle",
    [
        "",
        "None",
        GENUINE[0] + GENUINE[1][:500],
        GENUINE[0][:500] + GENUINE[1],
        GENUINE[0].replace("\n", "\\n"),
        GENUINE[0].replace("MIIC6DCC", "MIIC6DC?"),
        GENUINE[0].replace("MIIC6DCC", "MIIC6DCCMIIC"),
        "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
    ],
    ids=["empty", "no-pem", "cut-off", "cut-off-first", "json", "characters", "der", "empty-pem"],
)
def test_refuses_a_damaged_bundle(bundle: str) -> None:
    """Leaving out what cannot be read would lock out a client without saying so."""
    result = _run("pem", stdin=bundle)
    assert result.returncode == 1
    assert result.stdout == ""
    assert re.fullmatch("standard input is not a bundle of PEMs: .+\n", result.stderr)


def _run(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(EXAMPLES / "trusted_clients.py"), *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, text=True)
