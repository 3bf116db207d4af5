"""The Lambda function behind `Custom::ApiGatewayClientCertificate`.

An event goes one way through the files: `main` (entry, answer delivered) → `custom_resource`
(crhelper, one answer a request) → `request` (validated) → `certificate` (decide) → `api_gateway`
(act). Only boto3, crhelper and the standard library are imported here.
"""
