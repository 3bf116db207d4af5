"""A REST API whose stage presents the certificate to its backend."""

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway

from cdk_apigateway_client_certificate import ClientCertificate

app = cdk.App()
stack = cdk.Stack(app, "Api")
backend = app.node.try_get_context("backend") or "https://backend.example.com/"

api = apigateway.RestApi(stack, "Orders", cloud_watch_role=False)
api.root.add_method("GET", apigateway.HttpIntegration(backend))

certificate = ClientCertificate(stack, "Certificate", tags={"team": "edge"})
certificate.attach_to(api.deployment_stage)

cdk.CfnOutput(stack, "ApiId", value=api.rest_api_id)
cdk.CfnOutput(stack, "Pem", value=certificate.pem_encoded_certificate)
app.synth()
