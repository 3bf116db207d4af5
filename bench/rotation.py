"""Row 11: an hourly run of the rotation that finds nothing to do."""

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.measure import Figure, figure
from cdk_apigateway_client_certificate import _handler_code
from handler_testing.environment import STACK_ID
from handler_testing.fake_cloudformation import FakeCloudFormation
from handler_testing.packaged_function import PackagedFunction
from local_aws import LocalAws

TITLE = "Idle run for rotating certificates that share a function"
ROUNDS = 5
COUNTS = (1, 10, 40)
TYPE = "Custom::ApiGatewayRotatingClientCertificate"


def run(rounds: int) -> list[Figure]:
    """Calls and time of a run in a warm function, by the number of certificates."""
    figures = []
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        asset = folder / "asset"
        asset.mkdir()
        assert _handler_code._LocalBundling().try_bundle(str(asset))
        with LocalAws() as aws, FakeCloudFormation(folder) as cloudformation:
            function = PackagedFunction(
                asset,
                {**aws.variables, "SSL_CERT_FILE": str(cloudformation.authority)},
            )
            try:
                stages = _create_stages(aws.client("apigateway"), max(COUNTS))
                resources: list[dict[str, Any]] = []
                for count in COUNTS:
                    for stage in stages[len(resources) : count]:
                        url = cloudformation.url(f"response-{len(resources)}")
                        resources.append(_create(function, stage, len(resources), url))
                        response = cloudformation.responses[-1]
                        assert response["Status"] == "SUCCESS", response["Reason"]
                    figures += _measure(function.invoke, resources, rounds)
            finally:
                function.close()
    return figures


def _measure(
    invoke: Callable[[Any], Any], resources: list[dict[str, Any]], rounds: int
) -> list[Figure]:
    count, seconds = len(resources), []
    for _ in range(rounds):
        started = time.monotonic()
        invocation = invoke({"task": "rotate", "resources": resources})
        seconds.append(time.monotonic() - started)
        assert invocation.outcome == "returned", invocation
    calls = sum(json.loads(line).get("message") == "called" for line in invocation.logs)
    subject = f"{count} certificate{'s' if count > 1 else ''}"
    goal = 1 + 2 * count
    return [
        Figure(subject, "calls", calls, goal=f"≤ {goal}", met=calls <= goal),
        figure(subject, "wall", seconds, "s"),
    ]


def _create(function: PackagedFunction, stage: str, number: int, url: str) -> dict[str, Any]:
    """Create a certificate, and return what the schedule's event has about it."""
    properties = {
        "Stages": [stage],
        "TrustParameterName": f"/bench/{number}",
        "RotateBeforeExpirySeconds": str(60 * 86400),
        "OverlapSeconds": str(14 * 86400),
    }
    logical_id = f"Certificate{number}"
    invocation = function.invoke(
        {
            "RequestType": "Create",
            "ResponseURL": url,
            "StackId": STACK_ID,
            "RequestId": f"request-{number}",
            "ResourceType": TYPE,
            "LogicalResourceId": logical_id,
            "ResourceProperties": properties,
        }
    )
    assert invocation.outcome == "returned", invocation
    return {"StackId": STACK_ID, "LogicalId": logical_id, **properties}


def _create_stages(gateway: Any, count: int) -> list[str]:
    api = gateway.create_rest_api(name="bench")["id"]
    deployment = gateway.create_deployment(restApiId=api)["id"]
    for number in range(count):
        gateway.create_stage(restApiId=api, stageName=f"s{number}", deploymentId=deployment)
    return [f"/restapis/{api}/stages/s{number}" for number in range(count)]
