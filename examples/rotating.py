"""A REST API whose stage presents a certificate that is replaced before it expires."""

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_iam as iam

from cdk_apigateway_client_certificate import RotatingClientCertificate

app = cdk.App()
stack = cdk.Stack(app, "Rotating")
backend = app.node.try_get_context("backend") or "https://backend.example.com/"

api = apigateway.RestApi(stack, "Orders", cloud_watch_role=False)
health = api.root.add_method("GET", apigateway.HttpIntegration(backend))
backend_role = iam.Role(stack, "Backend", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"))

certificate = RotatingClientCertificate(
    stack,
    "BackendAuth",
    stages=[api.deployment_stage],
    trust_parameter_name="/orders/trusted-clients",
    backend_checks=[health],
)
certificate.trust_parameter.grant_read(backend_role)

certificate.alarm_on_expiry("Expiry")
certificate.alarm_on_check_failure("CheckFailure")
certificate.alarm_on_rotation_held("RotationHeld")

cdk.CfnOutput(stack, "ApiId", value=api.rest_api_id)
app.synth()
