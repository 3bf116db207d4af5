"""The CDK app: one stack with one certificate.

Context (`cdk deploy -c name=value`): `description`, `tags`, `stack_name`, `generation`.
"""

import sys

import aws_cdk as cdk

from cdk_apigateway_client_certificate import ClientCertificateStack
from cdk_apigateway_client_certificate.stack import parse_tags

app = cdk.App()
context = app.node.try_get_context
try:
    ClientCertificateStack(
        app,
        "ClientCertificate",
        stack_name=context("stack_name") or None,
        description=context("description") or None,
        tags=parse_tags(context("tags") or ""),
        generation=context("generation"),
    )
except (ValueError, RuntimeError) as error:  # jsii turns what CDK throws into RuntimeErrors
    sys.exit(str(error))
app.synth()
