"""A certificate in one stack and its PEM in another, without an export, which cannot hold a PEM."""

import aws_cdk as cdk
from aws_cdk import aws_ssm as ssm

from cdk_apigateway_client_certificate import ClientCertificate, IClientCertificate


class Edge(cdk.Stack):
    """The stack that calls the backend."""

    def __init__(self, app: cdk.App) -> None:
        super().__init__(app, "Edge")
        self.certificate = ClientCertificate(self, "Certificate")


class Backend(cdk.Stack):
    """The backend, which trusts the certificate."""

    def __init__(self, app: cdk.App, trusted: IClientCertificate) -> None:
        super().__init__(app, "Backend")
        ssm.StringParameter(
            self,
            "Trusted",
            parameter_name="/backend/trusted-client",
            string_value=trusted.pem_encoded_certificate,
        )


app = cdk.App()
edge = Edge(app)
Backend(app, edge.certificate)
app.synth()
