"""A WebSocket API whose stage presents the certificate to its backend."""

import aws_cdk as cdk
from aws_cdk import aws_apigatewayv2 as apigatewayv2

from cdk_apigateway_client_certificate import ClientCertificate

app = cdk.App()
stack = cdk.Stack(app, "WebSocketApi")
api = apigatewayv2.WebSocketApi(stack, "Chat")
stage = apigatewayv2.WebSocketStage(
    stack, "Stage", web_socket_api=api, stage_name="prod", auto_deploy=True
)

certificate = ClientCertificate(stack, "Certificate")
certificate.attach_to(stage)

cdk.CfnOutput(stack, "Pem", value=certificate.pem_encoded_certificate)
app.synth()
