"""Load the trusted client certificates from SSM into the files of a server, and reload the server.

python3 trusted_clients.py nginx /etc/nginx /orders/trusted-clients \\
    --reload 'nginx -t && nginx -s reload'

Run it every few minutes. It writes the files and reloads the server only if the certificates have
changed. If it cannot get all of them, it says so, fails, and leaves the files as they are.

A parameter contains one or more PEMs with any line breaks. Several parameters are put together, and
`-` is standard input. Reading parameters needs boto3 and the permission ssm:GetParameter.
"""

import argparse
import base64
import hashlib
import os
import re
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

BEGIN = "-----BEGIN CERTIFICATE-----"
PEM = re.compile(f"{BEGIN}(.*?)-----END CERTIFICATE-----", re.DOTALL)


def read_bundle(text: str) -> list[bytes]:
    """Return each certificate of a bundle as DER, in the same order.

    Raises:
        ValueError: The bundle has no certificate, or one that is damaged.
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


Files = dict[str, Callable[[bytes], str]]
PEM_FILE: Files = {"trusted-clients.pem": to_pem}
FILES: dict[str, Files] = {
    "nginx": {**PEM_FILE, "trusted-clients.map": to_nginx},
    "haproxy": {**PEM_FILE, "trusted-clients.sha256": to_haproxy},
    "pem": PEM_FILE,
}
"""What each server loads, by file name. "pem" is for all other servers."""

LOADED = "trusted-clients.loaded"
"""The file with the PEMs that the server has loaded, so that a failed reload is repeated."""


def get_parameter(name: str) -> str:
    """Return the value of an SSM parameter, or the content of standard input."""
    if name == "-":
        return sys.stdin.read()
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        value: str = boto3.client("ssm").get_parameter(Name=name)["Parameter"]["Value"]
    except (BotoCoreError, ClientError) as error:
        raise ValueError(error) from error
    return value


def load(server: str, folder: Path, certificates: list[bytes], reload: str | None) -> bool:
    """Write the files of a server and reload it, unless it has loaded these certificates.

    Returns:
        Whether the certificates have changed.

    Raises:
        subprocess.CalledProcessError: The reload failed. The next call repeats it.
    """
    files = {
        folder / name: "".join(map(to_format, certificates))
        for name, to_format in FILES[server].items()
    }
    loaded, pems = folder / LOADED, "".join(map(to_pem, certificates))
    expected = {**files, loaded: pems}
    if all(path.exists() and path.read_text() == expected[path] for path in expected):
        return False
    for path, content in files.items():
        replace_file(path, content)
    if reload:
        subprocess.run(reload, shell=True, check=True)
    replace_file(loaded, pems)
    return True


def replace_file(path: Path, content: str) -> None:
    """Write a file in one step, so that no server reads half of it."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
        os.fchmod(file.fileno(), 0o644)  # servers may read it as another user
    os.replace(file.name, path)


def main() -> None:
    """Load the certificates that the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("server", choices=FILES, help="whose files to write; pem: for all others")
    parser.add_argument("folder", type=Path, help="where the server looks for its files")
    parser.add_argument("parameter", nargs="+", help="an SSM parameter, or - for standard input")
    parser.add_argument("--reload", metavar="COMMAND", help="runs in a shell after a change")
    arguments = parser.parse_args()
    certificates = []
    for name in arguments.parameter:
        try:
            certificates += read_bundle(get_parameter(name))
        except (ValueError, ssl.SSLError) as error:
            sys.exit(f"no certificates from {name}, so the server keeps the ones it has: {error}")
    try:
        changed = load(arguments.server, arguments.folder, certificates, arguments.reload)
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"the server has not loaded the certificates, so run this again: {error}")
    if changed:
        print(f"loaded {len(certificates)} certificates")


if __name__ == "__main__":
    main()
