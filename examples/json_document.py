"""The PEM inside a JSON document."""

import aws_cdk as cdk
from aws_cdk import aws_ssm as ssm

from cdk_apigateway_client_certificate import ClientCertificate

app = cdk.App()
stack = cdk.Stack(app, "JsonDocument")
certificate = ClientCertificate(stack, "Certificate")

document = stack.to_json_string({"trusted": certificate.pem_encoded_certificate, "version": 1})
without_cr = cdk.Fn.join("", cdk.Fn.split("\r", document))
escaped = cdk.Fn.join("\\n", cdk.Fn.split("\n", without_cr))

ssm.StringParameter(stack, "Trust", parameter_name="/orders/trust.json", string_value=escaped)
app.synth()
