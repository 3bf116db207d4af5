"""A certificate in one stack, presented by the stage of an API in another."""

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway

from cdk_apigateway_client_certificate import ClientCertificate, IClientCertificate


class Certificates(cdk.Stack):
    """The certificate that the account's APIs present to their backends."""

    def __init__(self, app: cdk.App) -> None:
        super().__init__(app, "Certificates")
        self.presented = ClientCertificate(self, "Certificate")


class Orders(cdk.Stack):
    """An API whose stage presents the certificate."""

    def __init__(self, app: cdk.App, certificate: IClientCertificate) -> None:
        super().__init__(app, "Orders")
        backend = self.node.try_get_context("backend") or "https://backend.example.com/"
        api = apigateway.RestApi(self, "Api", cloud_watch_role=False)
        api.root.add_method("GET", apigateway.HttpIntegration(backend))
        certificate.attach_to(api.deployment_stage)
        cdk.CfnOutput(self, "ApiId", value=api.rest_api_id)


app = cdk.App()
certificates = Certificates(app)
Orders(app, certificates.presented)
app.synth()
