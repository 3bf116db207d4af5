"""An app, a stack and a REST API for each test."""

import aws_cdk as cdk
import pytest
from aws_cdk import aws_apigateway as apigateway

from tests.unit.rotating.support import rest_api


@pytest.fixture
def app() -> cdk.App:
    return cdk.App()


@pytest.fixture
def stack(app: cdk.App) -> cdk.Stack:
    return cdk.Stack(app, "Stack")


@pytest.fixture
def api(stack: cdk.Stack) -> apigateway.RestApi:
    return rest_api(stack)
