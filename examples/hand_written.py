"""A certificate created with AwsCustomResource, the starting point of the migration.

docs/how-to/migrate-from-aws-custom-resource.md describes it.
"""

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_iam as iam
from aws_cdk import custom_resources as cr

app = cdk.App()
stack = cdk.Stack(app, "HandWritten")
backend = app.node.try_get_context("backend") or "https://backend.example.com/"

issued = cr.AwsCustomResource(
    stack,
    "Certificate",
    on_create=cr.AwsSdkCall(
        service="api-gateway",
        action="GenerateClientCertificate",
        parameters={"description": "orders"},
        physical_resource_id=cr.PhysicalResourceId.from_response("clientCertificateId"),
    ),
    on_delete=cr.AwsSdkCall(
        service="api-gateway",
        action="DeleteClientCertificate",
        parameters={"clientCertificateId": cr.PhysicalResourceIdReference()},
    ),
    policy=cr.AwsCustomResourcePolicy.from_statements(
        [iam.PolicyStatement(actions=["apigateway:POST", "apigateway:DELETE"], resources=["*"])]
    ),
    install_latest_aws_sdk=False,
)
certificate_id = issued.get_response_field("clientCertificateId")
pem = issued.get_response_field("pemEncodedCertificate")

api = apigateway.RestApi(
    stack,
    "Orders",
    cloud_watch_role=False,
    deploy_options=apigateway.StageOptions(client_certificate_id=certificate_id),
)
api.root.add_method("GET", apigateway.HttpIntegration(backend))

cdk.CfnOutput(stack, "ApiId", value=api.rest_api_id)
cdk.CfnOutput(stack, "CertificateId", value=certificate_id)
cdk.CfnOutput(stack, "Pem", value=pem)
app.synth()
