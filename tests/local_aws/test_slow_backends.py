"""Check how long a backend check waits for its backend."""

import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from handler_testing.environment import replace_aws_variables
from handler_testing.fake_server import FakeServer
from lambda_handler.calls import CALL_SECONDS, Caller
from lambda_handler.deadline import Deadline
from lambda_handler.rotation.services import Services
from lambda_handler.rotation.settings import BackendCheck
from local_aws import LocalAws
from tests.local_aws.test_stages import api_in_front_of, method_of

INTEGRATION_TIMEOUT = 29.0
"""Seconds after which API Gateway itself gives up on a backend.

Source: quotas of API Gateway, "Integration timeout".
"""
SHORTER = 20.0
"""How many times shorter all times of these tests are."""


class Slow(BaseHTTPRequestHandler):
    """Responds just before API Gateway would give up."""

    def do_GET(self) -> None:
        time.sleep(INTEGRATION_TIMEOUT / SHORTER)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def slow() -> Iterator[str]:
    """Run the slow backend, and return its URL."""
    server = FakeServer(("127.0.0.1", 0), Slow)
    server.start()
    yield f"http://localhost:{server.server_port}/"
    server.stop()


def test_check_waits_until_api_gateway_gives_up(
    aws: LocalAws, client: Any, slow: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace_aws_variables(monkeypatch, aws.variables)
    api, _ = api_in_front_of(client, slow)
    method = method_of(client, api)
    call_seconds = CALL_SECONDS / SHORTER
    caller = Caller(Deadline(10.0, call_seconds), call_seconds)
    services = Services(caller)
    check = BackendCheck(api, method["resourceId"], "GET")
    assert services.accepts(check, {}, "")
