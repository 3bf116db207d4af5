"""Fixtures of the unit tests."""

import os
from typing import Any

# CDK's validation of templates takes a quarter of the time of these tests. test_templates.py has
# it. jsii's process reads the variable when it starts, with the import of aws_cdk.
os.environ["CDK_VALIDATION"] = "false"

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Template

from cdk_apigateway_client_certificate import ClientCertificate, ClientCertificateStack

Json = dict[str, Any]


@pytest.fixture
def app() -> cdk.App:
    return cdk.App()


@pytest.fixture
def stack(app: cdk.App) -> cdk.Stack:
    return cdk.Stack(app, "Stack")


@pytest.fixture(scope="session")
def ready_made() -> Json:
    """Return the template of the ready-made stack with all arguments, which takes a second."""
    stack = ClientCertificateStack(
        cdk.App(), "ClientCertificate", description="orders", tags={"team": "a", "env": "test"}
    )
    return Template.from_stack(stack).to_json()


@pytest.fixture(scope="session")
def two_stacks() -> tuple[Json, Json]:
    """Return templates: three certificates, and one certificate in a known environment."""
    app = cdk.App()
    many = cdk.Stack(app, "Many")
    for id in ("First", "Second", "Third"):
        ClientCertificate(many, id)
    china = cdk.Stack(app, "China", env=cdk.Environment(account="1" * 12, region="cn-north-1"))
    ClientCertificate(china, "Only", removal_policy=cdk.RemovalPolicy.RETAIN)
    return Template.from_stack(many).to_json(), Template.from_stack(china).to_json()
