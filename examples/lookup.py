"""Look up the PEM of certificates that the stack does not manage: a native one, and one by ID."""

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway

from cdk_apigateway_client_certificate import ClientCertificate

app = cdk.App()
stack = cdk.Stack(app, "Lookup")

native = apigateway.CfnClientCertificate(stack, "Native")
read = ClientCertificate.from_client_certificate_id(
    stack, "ReadNative", native.attr_client_certificate_id
)
cdk.CfnOutput(stack, "NativePem", value=read.pem_encoded_certificate)

if existing := app.node.try_get_context("existing"):  # cdk deploy -c existing=abc123
    found = ClientCertificate.from_client_certificate_id(stack, "Existing", existing)
    cdk.CfnOutput(stack, "ExistingPem", value=found.pem_encoded_certificate)
    cdk.CfnOutput(stack, "ExistingExpires", value=found.expiration_date)
app.synth()
