"""The same stack in many accounts and Regions: a stage for each, named in the context.

cdk deploy '*/*' -c environments=111111111111/eu-west-1,222222222222/us-east-1

A new generation replaces the certificates: -c generation=2.
"""

import aws_cdk as cdk

from cdk_apigateway_client_certificate import ClientCertificateStack

app = cdk.App()
environments = app.node.try_get_context("environments") or "111111111111/eu-west-1"
for environment in environments.split(","):
    account, region = environment.split("/")
    stage = cdk.Stage(
        app, f"{region}-{account}", env=cdk.Environment(account=account, region=region)
    )
    ClientCertificateStack(
        stage,
        "ClientCertificate",
        tags={"team": "edge"},
        generation=app.node.try_get_context("generation"),
    )
app.synth()
