"""The Lambda function behind `Custom::ApiGatewayClientCertificate`.

An event goes one way through the files: `main` (entry, response delivered) → `custom_resource`
(crhelper, one response a request) → `request` (validated) → `certificate` or `deletion` (decide)
→ `api_gateway` (act). An event of the monitoring schedule goes from `main` to `monitor`. Only
boto3, crhelper and the standard library are imported here.
"""
