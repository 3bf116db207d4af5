"""trusted_clients.py reads any bundle and writes what the servers load.

test_loading.py runs it with SSM and real servers.
"""

import hashlib
import re
import ssl
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest

from demo.servers import EXAMPLES

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
def test_normalizes_line_breaks(tmp_path: Path, bundle: str) -> None:
    assert written(tmp_path, "pem", "pem", bundle) == "".join(GENUINE)


def test_writes_nginx_patterns_that_match_exactly(tmp_path: Path) -> None:
    lines = written(tmp_path, "nginx", "map", "".join(CRLF)).splitlines()
    for line, pem in zip(lines, GENUINE, strict=True):
        # "~" compares exactly, "~*" and a plain string without regard to case.
        [escaped] = re.fullmatch(r'"~\^([-%\w]+)\$" 1;', line).groups()  # type: ignore[union-attr]
        assert unquote(escaped) == pem


def test_writes_haproxy_patterns(tmp_path: Path) -> None:
    digests = [hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest() for pem in GENUINE]
    assert written(tmp_path, "haproxy", "sha256", "".join(CRLF)).split() == digests


def test_writes_only_what_the_server_loads(tmp_path: Path) -> None:
    files = {"pem": [], "nginx": ["map"], "haproxy": ["sha256"]}
    for server, more in files.items():
        folder = tmp_path / server
        folder.mkdir()
        run(folder, server, "".join(CRLF))
        names = sorted(f"trusted-clients.{it}" for it in ("pem", "loaded", *more))
        assert sorted(path.name for path in folder.iterdir()) == names
        # Servers read the files as another user.
        assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o644}


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
def test_refuses_a_damaged_bundle(tmp_path: Path, bundle: str) -> None:
    """Skipping unreadable certificates would silently lock out a client."""
    result = run(tmp_path, "pem", bundle)
    assert result.returncode == 1
    assert re.fullmatch("no certificates from -, so the server keeps .+\n", result.stderr)
    assert list(tmp_path.iterdir()) == []


def written(folder: Path, server: str, suffix: str, bundle: str) -> str:
    """Return what the script writes for a bundle."""
    run(folder, server, bundle).check_returncode()
    return (folder / f"trusted-clients.{suffix}").read_text()


def run(folder: Path, server: str, bundle: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(EXAMPLES / "trusted_clients.py"), server, str(folder), "-"]
    return subprocess.run(command, input=bundle, capture_output=True, text=True)
