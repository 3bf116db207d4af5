"""A template for a StackSet, and its asset where each account can read it.

The bucket names hold a Region: one bucket a Region, readable by the whole organization, since a
Lambda function takes its code from its own Region only.
"""

import aws_cdk as cdk

from cdk_apigateway_client_certificate import ClientCertificateStack

app = cdk.App()
bucket = app.node.try_get_context("bucket") or "certificate-assets"
ClientCertificateStack(
    app,
    "ClientCertificate",
    generation=app.node.try_get_context("generation"),  # another one replaces the certificates
    # No roles of CDK's and no rule about its bootstrap: a StackSet's own role deploys.
    synthesizer=cdk.CliCredentialsStackSynthesizer(
        file_assets_bucket_name=bucket + "-${AWS::Region}"
    ),
)
app.synth()
