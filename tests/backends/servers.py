"""Run the example backends as real servers on loopback."""

import functools
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples" / "backends"
GREETING = b"hello, API Gateway\n"

# Debian installs servers where only root's PATH leads; Node.js comes with the virtual environment.
PATH = os.pathsep.join(
    [str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath), "/usr/sbin"]
)

# What the Debian packages configure around a site.
NGINX_MAIN = """
daemon off;
master_process off;
user www-data;
pid nginx.pid;
error_log stderr;
events {}
http {
    access_log off;
    client_body_temp_path temp;
    proxy_temp_path temp;
    fastcgi_temp_path temp;
    uwsgi_temp_path temp;
    scgi_temp_path temp;
    include site.conf;
}
"""
APACHE_MAIN = """
ServerRoot {folder}
PidFile apache.pid
ServerName localhost
User www-data
Group www-data
ErrorLog /dev/stderr
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule dir_module /usr/lib/apache2/modules/mod_dir.so
LoadModule ssl_module /usr/lib/apache2/modules/mod_ssl.so
Listen 127.0.0.1:{port}
<Directory "{folder}/www">
    Require all granted
</Directory>
<Files ".ht*">
    Require all denied
</Files>
Include site.conf
"""


@dataclass(frozen=True)
class Site:
    """Where one server runs. `edits` replace text of its example."""

    folder: Path
    port: int
    edits: Mapping[str, str]

    def example(self, name: str, edits: Mapping[str, str]) -> str:
        """Return an example's text with the edits, each of which must apply."""
        text = (EXAMPLES / name).read_text()
        for old, new in {**edits, **self.edits}.items():
            assert old in text, f"{old!r} is not in {name}"
            text = text.replace(old, new)
        return text

    def write(self, name: str, text: str) -> str:
        """Write a file for the server and return its path."""
        path = self.folder / name
        path.write_text(text)
        return str(path)


@contextmanager
def serve(
    backend: str,
    bundle: str,
    server_certificate: tuple[Path, Path],
    edits: Mapping[str, str] | None = None,
) -> Iterator[int]:
    """Run an example that trusts a bundle of PEMs, and yield its port.

    `server_certificate` is the server's own and its private key.
    """
    with tempfile.TemporaryDirectory(prefix="backend-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # nginx and Apache read some files as www-data
        for source, target in zip(server_certificate, ("server.pem", "server.key"), strict=True):
            shutil.copy(source, folder / target)
        for form, file in (("pem", "pem"), ("nginx", "map"), ("haproxy", "sha256")):
            (folder / f"trusted-clients.{file}").write_text(trusted_clients(form, bundle))
        port = _free_port()
        command = COMMANDS[backend](Site(folder, port, edits or {}))
        with _running(command, folder, port):
            yield port


@functools.cache
def trusted_clients(form: str, bundle: str) -> str:
    """Return what `trusted_clients.py` prints for a bundle."""
    command = [sys.executable, str(EXAMPLES / "trusted_clients.py"), form]
    # As bytes, in which CRLF stays CRLF.
    return subprocess.run(
        command, input=bundle.encode(), stdout=subprocess.PIPE, check=True
    ).stdout.decode()


def _nginx(site: Site) -> list[str]:
    nginx = program("nginx", "nginx-light")
    listen = {"listen 443": f"listen 127.0.0.1:{site.port}"}
    site.write("site.conf", site.example("nginx.conf", listen))
    main = site.write("nginx.conf", NGINX_MAIN)
    return [nginx, "-p", str(site.folder), "-c", main, "-e", "stderr"]


def _apache(site: Site) -> list[str]:
    apache = program("apache2", "apache2")
    paths = {
        "*:443": f"127.0.0.1:{site.port}",
        "/etc/apache2/": f"{site.folder}/",
        "/var/www/html": f"{site.folder}/www",
    }
    site.write("site.conf", site.example("apache.conf", paths))
    (site.folder / "www").mkdir()
    (site.folder / "www" / "index.html").write_bytes(GREETING)
    main = site.write("main.conf", APACHE_MAIN.format(folder=site.folder, port=site.port))
    return [apache, "-D", "FOREGROUND", "-f", main]


def _haproxy(site: Site) -> list[str]:
    haproxy = program("haproxy", "haproxy")
    pems = [(site.folder / name).read_text() for name in ("server.key", "server.pem")]
    site.write("server-and-key.pem", "".join(pems))
    bind = {"bind :443": f"bind 127.0.0.1:{site.port}"}
    configuration = site.write("haproxy.cfg", site.example("haproxy.cfg", bind))
    return [haproxy, "-db", "-f", configuration]


def _python(site: Site) -> list[str]:
    return [sys.executable, site.write("server.py", site.example("server.py", {})), *_files(site)]


def _node(site: Site) -> list[str]:
    node = program("node", "nodejs")
    return [node, site.write("server.mjs", site.example("server.mjs", {})), *_files(site)]


def _go(site: Site) -> list[str]:
    server = site.folder / "server"
    server.write_bytes(_compiled(site.example("server.go", {})))
    server.chmod(0o755)
    return [str(server), *_files(site)]


COMMANDS: dict[str, Callable[[Site], list[str]]] = {
    "nginx": _nginx,
    "Apache": _apache,
    "HAProxy": _haproxy,
    "Python": _python,
    "Node.js": _node,
    "Go": _go,
}
"""How each example is started, by its name in docs/trust.md."""


def _files(site: Site) -> list[str]:
    return ["trusted-clients.pem", "server.pem", "server.key", str(site.port)]


@functools.cache
def _compiled(source: str) -> bytes:
    """Compile a Go program, once a session."""
    go = program("go", "golang-go")
    with tempfile.TemporaryDirectory(prefix="go-") as folder:
        (Path(folder) / "server.go").write_text(source)
        subprocess.run([go, "build", "server.go"], cwd=folder, check=True)
        return (Path(folder) / "server").read_bytes()


def program(name: str, package: str) -> str:
    """Find a server. Without it, the test is skipped; in CI, which installs all, it fails."""
    if found := shutil.which(name, path=PATH):
        return found
    reason = f"{name} is not installed (Debian: apt install {package})"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


@contextmanager
def _running(command: list[str], folder: Path, port: int) -> Iterator[None]:
    """Run a server, from when it listens to the end of the block."""
    log = folder / "log"
    with log.open("w") as output:
        process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + 20
        while not _listens(port):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, f"{command[0]} does not listen: {log.read_text()}"
            time.sleep(0.02)
        yield
        assert process.poll() is None, f"{command[0]} has ended: {log.read_text()}"
    finally:
        process.terminate()  # Apache must end its children
        process.wait(timeout=20)


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
