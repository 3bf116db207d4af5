"""The backends of the examples, as real processes behind a stage of a REST API."""

import getpass
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from demo.backend import rest_api
from tests.e2e.support import EXAMPLES, Scene

# Debian has it where only root's PATH leads.
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")

MAIN = """
daemon off;
master_process off;
user {user};
pid nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path temp;
    proxy_temp_path temp;
    fastcgi_temp_path temp;
    uwsgi_temp_path temp;
    scgi_temp_path temp;
    include site.conf;
}}
"""


@contextmanager
def running(command: list[str], folder: Path, port: int) -> Iterator[None]:
    """A server, from when it listens to the end of the block."""
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 20
        while not _listens(port):
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline, "it does not listen"
            time.sleep(0.05)
        yield
    finally:
        process.kill()
        process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        number: int = free.getsockname()[1]
    return number


@pytest.fixture
def answers(scene: Scene, port: int) -> Iterator["Answers"]:
    answers = Answers(scene, port)
    yield answers
    answers.end()


class Answers:
    """What a backend answers a stage that presents the trusted certificate, another one, none."""

    def __init__(self, scene: Scene, port: int) -> None:
        self.scene, self.folder = scene, scene.folder
        trusted, other = scene.generate("trusted"), scene.generate("not trusted")
        self._ids = [made["clientCertificateId"] for made in (trusted, other)]
        stages = {"trusted": self._ids[0], "other": self._ids[1], "none": None}
        self._api = rest_api(scene.gateway, f"https://localhost:{port}/", stages)
        # The names that the examples use.
        (self.folder / "trusted-client.pem").write_text(trusted["pemEncodedCertificate"])
        for source, name in zip(scene.server_files[1:], ("server.pem", "server.key"), strict=True):
            shutil.copy(source, self.folder / name)

    def of(self, stage: str) -> tuple[int, bytes]:
        return self.scene.aws.invoke(self._api, stage)

    def end(self) -> None:
        self.scene.gateway.delete_rest_api(restApiId=self._api)
        self.scene.delete(*self._ids)


@pytest.mark.skipif(not NGINX, reason="nginx is not installed (Debian: apt install nginx-light)")
def test_nginx_answers_the_trusted_certificate_only(answers: Answers, port: int) -> None:
    site = (EXAMPLES / "backends/nginx.conf").read_text()
    assert "listen 443 ssl;" in site
    folder = answers.folder
    (folder / "site.conf").write_text(site.replace("listen 443", f"listen 127.0.0.1:{port}"))
    (folder / "nginx.conf").write_text(MAIN.format(user=getpass.getuser()))
    command = [str(NGINX), "-p", str(folder), "-c", "nginx.conf", "-e", "stderr"]
    with running(command, folder, port):
        assert answers.of("trusted") == (200, b"hello, API Gateway\n")
        for stage in ("other", "none"):
            status, body = answers.of(stage)
            assert status >= 400
            assert b"hello" not in body


def test_the_python_server_answers_the_trusted_certificate_only(
    answers: Answers, port: int
) -> None:
    (answers.folder / "index.html").write_text("hello, API Gateway")
    files = ["trusted-client.pem", "server.pem", "server.key"]
    command = [sys.executable, str(EXAMPLES / "backends/server.py"), *files, str(port)]
    with running(command, answers.folder, port):
        assert answers.of("trusted") == (200, b"hello, API Gateway")
        for stage in ("other", "none"):
            status, body = answers.of(stage)
            assert status >= 500, "the handshake fails, so that there is no answer to pass on"
            assert b"hello" not in body
        assert answers.of("trusted")[0] == 200, "it serves on after it refused somebody"
