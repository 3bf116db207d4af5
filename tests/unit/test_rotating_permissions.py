"""SECURITY.md lists the permissions that rotation adds."""

import json
import re
from pathlib import Path
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from aws_cdk.assertions import Template

from cdk_apigateway_client_certificate import ClientCertificate
from cdk_apigateway_client_certificate.rotating_client_certificate import (
    RotatingClientCertificate,
)

SECTION = (
    (Path(__file__).parents[2] / "SECURITY.md")
    .read_text()
    .partition("## What rotation adds\n")[2]
    .partition("\n## ")[0]
)
KINDS = {
    "/methods/": "each method of `backend_checks`",
    '"/stages/"': "each stage of `stages`",
    ":parameter/": "the trust parameter",
    ":event-bus/": "the default event bus",
}
"""The page's name for a resource, by a part of the resource in the template."""


def granted(stack: cdk.Stack) -> set[tuple[str, str]]:
    """Return the pairs of action and resource that policies of functions' roles allow."""
    pairs: set[tuple[str, str]] = set()
    for resource in Template.from_stack(stack).to_json()["Resources"].values():
        properties = resource.get("Properties", {})
        documents = [it["PolicyDocument"] for it in properties.get("Policies", [])]
        if resource["Type"] == "AWS::IAM::ManagedPolicy":
            documents.append(properties["PolicyDocument"])
        for statement in (it for document in documents for it in document["Statement"]):
            for action in listed(statement["Action"]):
                pairs |= {(action, json.dumps(it)) for it in listed(statement["Resource"])}
    return pairs


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_security_md_has_every_permission_that_rotation_adds() -> None:
    app = cdk.App()
    plain, rotating = cdk.Stack(app, "Plain"), cdk.Stack(app, "Rotating")
    ClientCertificate(plain, "Certificate")
    api = apigateway.RestApi(rotating, "Api", cloud_watch_role=False)
    method = api.root.add_method("GET", apigateway.HttpIntegration("https://example.com/"))
    RotatingClientCertificate(
        rotating,
        "Certificate",
        stages=[api.deployment_stage],
        trust_parameter_name="/orders/trusted-clients",
        backend_checks=[method],
    )
    added = {
        (action, kind)
        for action, resource in granted(rotating) - granted(plain)
        for part, kind in KINDS.items()
        if part in resource
    }
    others = {
        action
        for action, resource in granted(rotating) - granted(plain)
        if not any(part in resource for part in KINDS)
    }
    assert set(re.findall(r"^\| `(\w+:\w+)` \| (.+?) \|", SECTION, re.MULTILINE)) == added
    # For its own log group and for the schedule's role.
    assert others == {"logs:CreateLogStream", "logs:PutLogEvents", "lambda:InvokeFunction"}
