"""A native CloudFormation certificate, the starting point of docs/how-to/migrate-from-cfn.md."""

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway

app = cdk.App()
stack = cdk.Stack(app, "Native")
backend = app.node.try_get_context("backend") or "https://backend.example.com/"

native = apigateway.CfnClientCertificate(stack, "Certificate", description="orders")

api = apigateway.RestApi(
    stack,
    "Orders",
    cloud_watch_role=False,
    deploy_options=apigateway.StageOptions(client_certificate_id=native.ref),
)
api.root.add_method("GET", apigateway.HttpIntegration(backend))

cdk.CfnOutput(stack, "ApiId", value=api.rest_api_id)
cdk.CfnOutput(stack, "CertificateId", value=native.ref)
app.synth()
