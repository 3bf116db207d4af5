"""A user's app, which is never run but checked by mypy and pyright in strict mode."""

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_ssm as ssm
from aws_cdk.interfaces import aws_apigateway as interfaces

from cdk_apigateway_client_certificate import (
    ClientCertificate,
    ClientCertificateStack,
    IClientCertificate,
)


def attach(certificate: IClientCertificate, stack: cdk.Stack, stage: apigateway.Stage) -> None:
    """Attach to every kind of stage that presents a client certificate."""
    web_socket = apigatewayv2.WebSocketApi(stack, "WebSocket")
    certificate.attach_to(stage)
    certificate.attach_to(apigateway.CfnStage(stack, "Rest", rest_api_id="abc"))
    certificate.attach_to(
        apigatewayv2.WebSocketStage(stack, "L2", web_socket_api=web_socket, stage_name="v1")
    )
    certificate.attach_to(apigatewayv2.CfnStage(stack, "V2", api_id="abc", stage_name="v1"))


def watch(certificate: IClientCertificate) -> cloudwatch.Dashboard:
    """Use everything that monitors a certificate."""
    alarms: list[cloudwatch.Alarm] = [
        certificate.alarm_on_expiry("Expiry", within=cdk.Duration.days(45)),
        certificate.alarm_on_check_failure("CheckFailure", alarm_name="check"),
    ]
    metric: cloudwatch.Metric = certificate.metric_days_to_expiry(label="orders")
    dashboard = cloudwatch.Dashboard(certificate.stack, "Dashboard")
    dashboard.add_widgets(
        certificate.days_to_expiry_widget(width=12),
        cloudwatch.GraphWidget(left=[metric]),
        cloudwatch.AlarmStatusWidget(alarms=alarms),
    )
    return dashboard


def use(certificate: IClientCertificate, stage: apigateway.Stage, reader: iam.Role) -> str:
    """Use a certificate as an L2 interface, wherever it comes from."""
    cdk.Tags.of(certificate).add("team", "edge")
    certificate.apply_removal_policy(cdk.RemovalPolicy.RETAIN)
    attach(certificate, certificate.stack, stage)
    certificate.grant_read(reader).assert_success()
    parameter: ssm.IStringParameter = certificate.publish_to_parameter("/orders/trusted-client")
    parameter.grant_read(reader)
    stack: cdk.Stack = certificate.stack
    apigateway.CfnStage(stack, "L1", rest_api_id="abc", client_certificate_id=certificate)
    watch(certificate)
    reference: interfaces.ClientCertificateReference = certificate.client_certificate_ref
    texts: list[str] = [
        certificate.node.path,
        certificate.env.region,
        certificate.client_certificate_id,
        certificate.client_certificate_arn,
        certificate.pem_encoded_certificate,
        certificate.created_date,
        certificate.expiration_date,
        reference.client_certificate_id,
    ]
    return "".join(texts)


class Consumer(cdk.Stack):
    """Certificates of each kind that a function annotated with the interface takes."""

    def __init__(self, app: cdk.App, stage: apigateway.Stage, reader: iam.Role) -> None:
        super().__init__(app, "Consumer")
        tags: dict[str, str] = {"team": "edge"}
        certificates: list[IClientCertificate] = [
            ClientCertificate(self, "Made", description="orders", tags=tags),
            ClientCertificate(self, "Adopted", adopt_client_certificate_id="abc123"),
            ClientCertificate.from_client_certificate_id(self, "ById", "abc123"),
            ClientCertificate.from_client_certificate_arn(self, "ByArn", "arn:…"),
            ClientCertificate.from_client_certificate_attributes(
                self, "Known", client_certificate_id="abc123", pem_encoded_certificate="…"
            ),
            ClientCertificateStack(app, "Ready", tags=tags, generation=2).certificate,
        ]
        for certificate in certificates:
            use(certificate, stage, reader)
