"""Fixtures of the tests of rotating certificates."""

import aws_cdk as cdk
import pytest
from aws_cdk import aws_apigateway as apigateway

from tests.unit.rotating.support import rest_api


@pytest.fixture
def api(stack: cdk.Stack) -> apigateway.RestApi:
    return rest_api(stack)
