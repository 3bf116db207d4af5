"""A certificate, and its PEM as an output."""

import aws_cdk as cdk

from cdk_apigateway_client_certificate import ClientCertificate

app = cdk.App()
stack = cdk.Stack(app, "Minimal")
certificate = ClientCertificate(stack, "Certificate", description="calls of the orders API")
cdk.CfnOutput(stack, "Pem", value=certificate.pem_encoded_certificate)
app.synth()
