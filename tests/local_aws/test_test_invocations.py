"""Check that TestInvokeMethod calls a backend as a stage would."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from handler_testing.fake_server import FakeServer
from local_aws import LocalAws
from tests.local_aws.test_stages import api_in_front_of, make_stage, method_of


class Echo(BaseHTTPRequestHandler):
    """Returns the request as JSON, with the status of the path `/status/…`."""

    def do_GET(self) -> None:
        self._respond()

    def do_POST(self) -> None:
        self._respond()

    def do_HEAD(self) -> None:
        self._respond()

    def _respond(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        document = {
            "method": self.command,
            "path": self.path,
            "header": self.headers.get("X-Test"),
            "body": self.rfile.read(length).decode(),
        }
        parts = self.path.split("/")
        self.send_response(int(parts[2]) if parts[1] == "status" else 200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(json.dumps(document).encode())

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture(scope="module")
def echo() -> Iterator[str]:
    """Run the echoing backend, and return its URL without the last slash."""
    server = FakeServer(("127.0.0.1", 0), Echo)
    server.start()
    yield f"http://localhost:{server.server_port}"
    server.stop()


def test_stage_variables_are_substituted_in_the_uri(client: Any, echo: str) -> None:
    api, _ = api_in_front_of(client, echo + "/${stageVariables.version}/${stageVariables.none}")
    response = client.test_invoke_method(
        **method_of(client, api), stageVariables={"version": "v2", "other": "x"}
    )
    assert json.loads(response["body"])["path"] == "/v2/"


def test_stage_substitutes_its_own_variables(aws: LocalAws, client: Any, echo: str) -> None:
    api, deployment = api_in_front_of(client, echo + "/${stageVariables.version}")
    for name in ("one", "two"):
        make_stage(client, api, deployment, name)
        patch = {"op": "replace", "path": "/variables/version", "value": name}
        client.update_stage(restApiId=api, stageName=name, patchOperations=[patch])
    for name in ("one", "two"):
        status, body = aws.invoke(api, name)
        assert (status, json.loads(body)["path"]) == (200, f"/{name}")


def test_query_headers_and_body_reach_the_backend(client: Any, echo: str) -> None:
    api, _ = api_in_front_of(client, echo + "/orders")
    response = client.test_invoke_method(
        **method_of(client, api),
        pathWithQueryString="/?a=1&b=",
        headers={"X-Test": "yes"},
        body="hello",
    )
    received = json.loads(response["body"])
    assert received == {"method": "GET", "path": "/orders?a=1&b=", "header": "yes", "body": "hello"}
    assert response["headers"]["Content-Type"] == "application/json"
    assert response["multiValueHeaders"]["Content-Type"] == ["application/json"]
    assert response["latency"] >= 0
    assert "Method completed with status: 200" in response["log"]


def test_headers_may_have_several_values(client: Any, echo: str) -> None:
    api, _ = api_in_front_of(client, echo)
    response = client.test_invoke_method(
        **method_of(client, api), multiValueHeaders={"X-Test": ["a", "b"]}
    )
    assert json.loads(response["body"])["header"] == "a,b"


@pytest.mark.parametrize("status", [204, 302, 403, 404, 500, 503])
def test_returns_the_backends_status(client: Any, echo: str, status: int) -> None:
    api, _ = api_in_front_of(client, f"{echo}/status/{status}")
    response = client.test_invoke_method(**method_of(client, api))
    assert response["status"] == status
    assert isinstance(response["status"], int)


def test_unreachable_backend_returns_a_status(client: Any) -> None:
    api, _ = api_in_front_of(client, "https://localhost:1/")
    response = client.test_invoke_method(**method_of(client, api))
    assert response["status"] == 500
    assert json.loads(response["body"]) == {"message": "Internal server error"}


def test_uses_the_integrations_verb(client: Any, echo: str) -> None:
    api, _ = api_in_front_of(client, echo)
    method = method_of(client, api)
    client.put_integration(
        **method, type="HTTP_PROXY", integrationHttpMethod="POST", uri=echo + "/posted"
    )
    response = client.test_invoke_method(**method)
    assert json.loads(response["body"])["method"] == "POST"


def test_refuses_a_body_that_is_not_json(aws: LocalAws, client: Any) -> None:
    api, _ = api_in_front_of(client, "https://localhost:1/")
    method = method_of(client, api)

    def spoil(params: dict[str, Any], **_: Any) -> None:
        params["body"] = b"{"

    other = aws.client("apigateway")
    other.meta.events.register("before-call.apigateway.TestInvokeMethod", spoil)
    with pytest.raises(other.exceptions.BadRequestException, match="not JSON"):
        other.test_invoke_method(**method)
