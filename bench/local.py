"""Benchmarks on the local AWS: `cdk deploy` and `cdk destroy`, and idle runs of a rotation."""

import json
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from bench import handlers
from bench.compare import Result, alternate, compared, spread
from handler_testing.environment import STACK_ID
from handler_testing.fake_cloudformation import FakeCloudFormation
from handler_testing.node_runtime import LocalAwsWithNode
from handler_testing.packaged_function import PackagedFunction
from local_aws import LocalAws
from local_aws.cdk import run_cdk

STACK: Final = "Certificates"
NAMES: Final = {
    "ours": "this construct",
    "aws_custom_resource": "AwsCustomResource",
    "provider": "Provider framework",
}
Seconds = dict[str, float]


def deploy(rounds: int) -> Result:
    """One certificate, synthesized beforehand: the CLI's time, and the stack's part of it.

    The CLI asks every five seconds whether the stack is ready.
    """
    with LocalAwsWithNode() as aws:
        output = str(handlers.WORKSPACE / "bootstrap")
        run_cdk(aws, "bootstrap", f"aws://{aws.account}/{aws.region}", "--output", output)
        contenders = {it: partial(_deploy_and_destroy, aws, name) for name, it in NAMES.items()}
        taken = alternate(contenders, rounds)
    return Result(
        {
            column: compared({title: [it[column] for it in taken[title]] for title in taken}, "s")
            for column in ("cdk deploy", "its stack", "cdk destroy", "stack, destroyed")
        }
    )


def _deploy_and_destroy(aws: LocalAws, name: str) -> Seconds:
    """Deploy and destroy a stack, and return the seconds of each part."""
    app = ("--app", str(handlers.synthesize(name)))
    cloudformation, seconds = aws.client("cloudformation"), {}
    started = time.monotonic()
    run_cdk(aws, "deploy", *app, "--require-approval", "never")
    seconds["cdk deploy"] = time.monotonic() - started
    id = cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]["StackId"]
    assert len(aws.client("apigateway").get_client_certificates()["items"]) == 1
    started = time.monotonic()
    run_cdk(aws, "destroy", *app, "--force")
    seconds["cdk destroy"] = time.monotonic() - started
    assert aws.client("apigateway").get_client_certificates()["items"] == []
    pages: Any = cloudformation.get_paginator("describe_stack_events").paginate(StackName=id)
    times: dict[str, datetime] = {
        event["ResourceStatus"]: event["Timestamp"]
        for page in pages
        for event in page["StackEvents"]
        if event["PhysicalResourceId"] == id
    }
    for column, verb in (("its stack", "CREATE"), ("stack, destroyed", "DELETE")):
        span = times[f"{verb}_COMPLETE"] - times[f"{verb}_IN_PROGRESS"]
        seconds[column] = span.total_seconds()
    return seconds


def rotation(rounds: int) -> Result:
    """Hourly runs of a warm function that find nothing to do, by the number of certificates."""
    columns: dict[str, dict[str, str]] = {"calls": {}, "time": {}}
    with (
        tempfile.TemporaryDirectory() as folder,
        LocalAws() as aws,
        FakeCloudFormation(Path(folder)) as cloudformation,
        closing(
            PackagedFunction(
                handlers.asset("ours", "lambda_handler"),
                {**aws.variables, "SSL_CERT_FILE": str(cloudformation.authority)},
            )
        ) as function,
    ):
        resources: list[dict[str, Any]] = []
        for stage in _create_stages(aws.client("apigateway"), 40):
            event = _create_event(stage, cloudformation.url())
            function.invoke(event)
            response = cloudformation.responses[-1]
            assert response["Status"] == "SUCCESS", response["Reason"]
            identity = {"StackId": STACK_ID, "LogicalId": event["LogicalResourceId"]}
            resources.append({**identity, **event["ResourceProperties"]})
            if len(resources) in (1, 10, 40):
                title = f"{len(resources)} certificate{'s' * (len(resources) > 1)}"
                for column, cell in _idle(function.invoke, resources, rounds).items():
                    columns[column][title] = cell
    return Result(columns)


def _idle(
    invoke: Callable[[Any], Any], resources: list[dict[str, Any]], rounds: int
) -> dict[str, str]:
    seconds = []
    for _ in range(rounds):
        started = time.monotonic()
        invocation = invoke({"task": "rotate", "resources": resources})
        seconds.append(time.monotonic() - started)
        assert invocation.outcome == "returned", invocation
    calls = sum(json.loads(line).get("message") == "called" for line in invocation.logs)
    return {"calls": str(calls), "time": f"{spread(seconds)} s"}


def _create_stages(gateway: Any, count: int) -> list[str]:
    api = gateway.create_rest_api(name="bench")["id"]
    deployment = gateway.create_deployment(restApiId=api)["id"]
    for number in range(count):
        gateway.create_stage(restApiId=api, stageName=f"s{number}", deploymentId=deployment)
    return [f"/restapis/{api}/stages/s{number}" for number in range(count)]


def _create_event(stage: str, url: str) -> dict[str, Any]:
    name = stage.rpartition("/")[2]
    return {
        "RequestType": "Create",
        "ResponseURL": url,
        "StackId": STACK_ID,
        "RequestId": f"request-{name}",
        "ResourceType": "Custom::ApiGatewayRotatingClientCertificate",
        "LogicalResourceId": f"Certificate{name}",
        "ResourceProperties": {
            "Stages": [stage],
            "TrustParameterName": f"/bench/{name}",
            "RotateBeforeExpirySeconds": str(60 * 86400),
            "OverlapSeconds": str(14 * 86400),
        },
    }
