"""Run a complete rotation while IAM enforces the policy of its role."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from handler_testing.environment import STACK_ID
from handler_testing.fake_cloudformation import FakeCloudFormation
from handler_testing.fake_server import FakeServer
from local_aws import LocalAws
from tests.fault.test_least_privilege import AccountWithRole
from tests.rotation.policy import Ids, role_policy
from tests.rotation.simulation import PARAMETER

LOGICAL_ID = "BackendAuth4E7ABB08"
SECONDS = 60.0
STAGE = "prod"


class Backend(BaseHTTPRequestHandler):
    """A backend that accepts every request, so that the checks succeed."""

    def do_GET(self) -> None:
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing."""


@pytest.fixture
def backend_url() -> Iterator[str]:
    with FakeServer(("127.0.0.1", 0), Backend) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture
def aws() -> Iterator[LocalAws]:
    with LocalAws(tags_in_list=False) as aws:
        yield aws


class RotationWithRole:
    """An account with two APIs, and the function with a role that has only the policy."""

    def __init__(
        self, aws: LocalAws, cloudformation: FakeCloudFormation, asset: Path, backend_url: str
    ) -> None:
        self._aws, self._cloudformation = aws, cloudformation
        self._account = AccountWithRole(aws, cloudformation, asset)
        self.close = self._account.function.close
        self.gateway, self.sockets = aws.client("apigateway"), aws.client("apigatewayv2")
        self.ids = self._create_apis(backend_url)
        self._account.allow_only(role_policy(self.ids))
        self._properties = {
            "Stages": [
                f"/restapis/{self.ids.rest_api}/stages/{STAGE}",
                f"/apis/{self.ids.websocket_api}/stages/live",
            ],
            "TrustParameterName": PARAMETER,
            "RotateBeforeExpirySeconds": str(60 * 86400),
            "OverlapSeconds": str(14 * 86400),
            "BackendChecks": [
                f"/restapis/{self.ids.rest_api}/resources/{self.ids.resource}/methods/GET"
            ],
            "Description": "old",
            "Tags": [{"Key": "team", "Value": "edge"}],
        }
        self._physical_id = ""
        self._requests = 0

    def _create_apis(self, backend_url: str) -> Ids:
        api = self.gateway.create_rest_api(name="orders")["id"]
        root = self.gateway.get_resources(restApiId=api)["items"][0]["id"]
        method = {"restApiId": api, "resourceId": root, "httpMethod": "GET"}
        self.gateway.put_method(**method, authorizationType="NONE")
        self.gateway.put_integration(
            **method, type="HTTP_PROXY", integrationHttpMethod="GET", uri=backend_url
        )
        deployment = self.gateway.create_deployment(restApiId=api)["id"]
        for name in (STAGE, "theirs"):
            self.gateway.create_stage(restApiId=api, stageName=name, deploymentId=deployment)
        socket = self.sockets.create_api(
            Name="socket", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action"
        )["ApiId"]
        self.sockets.create_stage(ApiId=socket, StageName="live")
        return Ids(self._aws.account, api, root, socket)

    def send(self, kind: str, **changes: Any) -> dict[str, Any]:
        """Send a request with changed properties, and return the response."""
        self._requests += 1
        before = self._properties
        self._properties = {**before, **changes}
        event = {
            "RequestType": kind,
            "ResponseURL": self._cloudformation.url(f"response-{self._requests}"),
            "StackId": STACK_ID,
            "RequestId": f"7d3e9c1a-0000-4000-8000-{self._requests:012d}",
            "ResourceType": "Custom::ApiGatewayRotatingClientCertificate",
            "LogicalResourceId": LOGICAL_ID,
            "ResourceProperties": self._properties,
            **({"OldResourceProperties": before} if kind == "Update" else {}),
            **({} if kind == "Create" else {"PhysicalResourceId": self._physical_id}),
        }
        invocation = self._account.function.invoke(event, SECONDS)
        assert invocation.outcome == "returned", invocation
        response = self._cloudformation.responses[-1]
        self._physical_id = response["PhysicalResourceId"]
        return response

    def run_after(self, duration: timedelta) -> None:
        """Let time pass, then run as the schedule does."""
        time: datetime = self._aws.now() + duration
        self._aws.set_clock(time)
        resource = {"StackId": STACK_ID, "LogicalId": LOGICAL_ID, **self._properties}
        event = {"task": "rotate", "time": time.isoformat(), "resources": [resource]}
        invocation = self._account.function.invoke(event, SECONDS)
        assert invocation.outcome == "returned", invocation

    def certificates(self) -> list[str]:
        items = self.gateway.get_client_certificates()["items"]
        return [item["clientCertificateId"] for item in items]

    def presented(self) -> list[str | None]:
        rest = self.gateway.get_stage(restApiId=self.ids.rest_api, stageName=STAGE)
        socket = self.sockets.get_stage(ApiId=self.ids.websocket_api, StageName="live")
        return [rest.get("clientCertificateId"), socket.get("ClientCertificateId")]

    def present_elsewhere(self, id: str) -> None:
        change = {"op": "replace", "path": "/clientCertificateId", "value": id}
        self.gateway.update_stage(
            restApiId=self.ids.rest_api, stageName="theirs", patchOperations=[change]
        )


@pytest.fixture
def rotation(
    aws: LocalAws, tmp_path: Path, asset: Path, backend_url: str
) -> Iterator[RotationWithRole]:
    with FakeCloudFormation(tmp_path) as cloudformation:
        rotation = RotationWithRole(aws, cloudformation, asset, backend_url)
        try:
            yield rotation
        finally:
            rotation.close()


def test_policy_is_sufficient_for_a_complete_rotation(
    rotation: RotationWithRole, aws: LocalAws
) -> None:
    created = rotation.send("Create")
    assert created["Status"] == "SUCCESS", created["Reason"]
    [first] = rotation.certificates()
    assert rotation.presented() == [first, first]

    rotation.run_after(timedelta(days=306))
    [second] = set(rotation.certificates()) - {first}
    rotation.run_after(timedelta(days=15))
    rotation.run_after(timedelta(hours=1))
    assert rotation.presented() == [second, second]
    rotation.run_after(timedelta(days=15))
    assert rotation.certificates() == [second]

    updated = rotation.send("Update", Description="new", Tags=[])
    assert updated["Status"] == "SUCCESS", updated["Reason"]

    rotation.present_elsewhere(second)
    refused = rotation.send("Delete")
    assert refused["Status"] == "FAILED"
    assert f"{second} is in use by {rotation.ids.rest_api}/theirs" in refused["Reason"]
    rotation.present_elsewhere("")
    deleted = rotation.send("Delete")
    assert deleted["Status"] == "SUCCESS", deleted["Reason"]
    assert rotation.certificates() == []
    assert rotation.presented() == [None, None]
    assert aws.client("ssm").describe_parameters()["Parameters"] == []
