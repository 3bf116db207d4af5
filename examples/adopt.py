"""Adopt an existing certificate: cdk deploy -c existing=abc123."""

import sys

import aws_cdk as cdk

from cdk_apigateway_client_certificate import ClientCertificate

app = cdk.App()
existing = app.node.try_get_context("existing") or sys.exit("name one: -c existing=abc123")
stack = cdk.Stack(app, "Adopt")
certificate = ClientCertificate(
    stack,
    "Certificate",
    adopt_client_certificate_id=existing,
    tags={"team": "edge"},
)
cdk.CfnOutput(stack, "Pem", value=certificate.pem_encoded_certificate)
app.synth()
