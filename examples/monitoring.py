"""A certificate with alarms that notify a topic, and a dashboard."""

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns

from cdk_apigateway_client_certificate import ClientCertificate

app = cdk.App()
stack = cdk.Stack(app, "Monitoring")
certificate = ClientCertificate(stack, "Certificate", description="calls of the orders API")

on_call = actions.SnsAction(sns.Topic(stack, "OnCall"))
expiry = certificate.alarm_on_expiry("Expiry", within=cdk.Duration.days(30))
expiry.add_alarm_action(on_call)
check_failure = certificate.alarm_on_check_failure("CheckFailure")
check_failure.add_alarm_action(on_call)

dashboard = cloudwatch.Dashboard(stack, "Dashboard", default_interval=cdk.Duration.days(400))
dashboard.add_widgets(
    certificate.days_to_expiry_widget(width=18, title="Days to expiry"),
    cloudwatch.AlarmStatusWidget(alarms=[expiry, check_failure], title="Alarms"),
)
app.synth()
