"""Check that cdk-nag's AwsSolutions pack finds nothing unacknowledged in a rotating certificate."""

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs

from cdk_apigateway_client_certificate.rotating_client_certificate import (
    RotatingClientCertificate,
)
from tests.unit.test_compliance import (
    RUNTIME,
    WILDCARDS,
    acknowledge,
    acknowledge_backend,
    acknowledge_wildcards,
    violations,
)

PROVIDER = "Custom::ApiGatewayRotatingClientCertificateProvider"


def test_aws_solutions_passes(tmp_path: Path) -> None:
    app = cdk.App(outdir=str(tmp_path))
    stack = cdk.Stack(app, "Rotating")
    destination = apigateway.LogGroupLogDestination(logs.LogGroup(stack, "AccessLog"))
    api = apigateway.RestApi(
        stack,
        "Api",
        cloud_watch_role=False,
        deploy_options=apigateway.StageOptions(
            access_log_destination=destination, logging_level=apigateway.MethodLoggingLevel.INFO
        ),
    )
    backend = apigateway.HttpIntegration("https://backend.example.com/")
    certificate = RotatingClientCertificate(
        stack,
        "Certificate",
        stages=[api.deployment_stage],
        trust_parameter_name="/orders/trusted-clients",
        backend_checks=[api.root.add_method("GET", backend)],
    )
    certificate.trust_parameter.grant_read(
        iam.Role(stack, "Reader", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"))
    )
    certificate.alarm_on_rotation_held("Held")
    provider = stack.node.find_child(PROVIDER)
    acknowledge_wildcards(provider.node.find_child("Role"), WILDCARDS)
    acknowledge(provider.node.find_child("Function"), "L1", RUNTIME)
    acknowledge_backend(stack)
    assert violations(app) == []
