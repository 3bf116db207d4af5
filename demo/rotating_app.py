"""The CDK app of the rotation's demo: a REST API that has a stage for each backend.

Context: `ports`, which are those of the backends on localhost, such as `nginx=8443,Python=8444`.
"""

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway

from cdk_apigateway_client_certificate import RotatingClientCertificate

app = cdk.App()
stack = cdk.Stack(app, "Rotating")
ports = dict(backend.split("=") for backend in app.node.get_context("ports").split(","))

api = apigateway.RestApi(stack, "Api", deploy=False, cloud_watch_role=False)
integration = apigateway.HttpIntegration("https://localhost:${stageVariables.port}/")
health = api.root.add_method("GET", integration)
deployment = apigateway.Deployment(stack, "Deployment", api=api)
stages = [
    apigateway.Stage(
        stack, stage, deployment=deployment, stage_name=stage, variables={"port": port}
    )
    for stage, port in ports.items()
]
certificate = RotatingClientCertificate(
    stack,
    "BackendAuth",
    stages=stages,
    trust_parameter_name="/demo/trusted-clients",
    backend_checks=[health],
)
certificate.alarm_on_expiry("Expiry")
certificate.alarm_on_check_failure("CheckFailure")
certificate.alarm_on_rotation_held("RotationHeld")

cdk.CfnOutput(stack, "ApiId", value=api.rest_api_id)
app.synth()
