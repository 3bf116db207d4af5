"""Fixtures of the fault tests."""

import json
from collections.abc import Iterator
from pathlib import Path

import aws_cdk as cdk
import pytest

from cdk_apigateway_client_certificate import ClientCertificateStack
from tests.fault.fakes import World, world


@pytest.fixture(scope="session")
def asset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packaged handler, found through the synthesized template."""
    app = cdk.App(outdir=str(tmp_path_factory.mktemp("cdk.out")))
    stack = ClientCertificateStack(app, "ClientCertificate")
    assembly = app.synth()
    template = assembly.get_stack_by_name(stack.stack_name).template
    (function,) = (
        resource["Properties"]
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::Lambda::Function"
    )
    digest = json.dumps(function["Code"]["S3Key"]).strip('"').removesuffix(".zip")
    return Path(assembly.directory) / f"asset.{digest}"


@pytest.fixture
def aws(tmp_path: Path, asset: Path) -> Iterator[World]:
    """API Gateway, CloudFormation and the packaged handler."""
    with world(tmp_path, asset) as made:
        yield made
