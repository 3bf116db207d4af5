"""A template for a StackSet, whose asset is in a bucket that each account can read.

Lambda reads code only from its own Region, so there is one bucket per Region. Its name contains the
Region, and the whole organization may read it.
"""

import aws_cdk as cdk

from cdk_apigateway_client_certificate import ClientCertificateStack

app = cdk.App()
bucket = app.node.try_get_context("bucket") or "certificate-assets"
ClientCertificateStack(
    app,
    "ClientCertificate",
    generation=app.node.try_get_context("generation"),  # a new value replaces the certificates
    # Omits CDK's roles and bootstrap rule, because the StackSet's own role deploys the template.
    synthesizer=cdk.CliCredentialsStackSynthesizer(
        file_assets_bucket_name=bucket + "-${AWS::Region}"
    ),
)
app.synth()
