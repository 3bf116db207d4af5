"""Publish the PEM in an SSM parameter that a backend's role may read."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam

from cdk_apigateway_client_certificate import ClientCertificate

app = cdk.App()
stack = cdk.Stack(app, "Parameter")
certificate = ClientCertificate(stack, "Certificate")
parameter = certificate.publish_to_parameter("/orders/trusted-client")

backend = iam.Role(stack, "Backend", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"))
parameter.grant_read(backend)
app.synth()
