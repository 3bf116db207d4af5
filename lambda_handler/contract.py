"""The names and limits that the construct and the handler share: each stands here, once.

Standard library only, since the construct imports this module at synth and the function at its
cold start.
"""

from typing import Final

RESOURCE_TYPE: Final = "Custom::ApiGatewayClientCertificate"
LOOKUP_RESOURCE_TYPE: Final = "Custom::ApiGatewayClientCertificateLookup"

HANDLER: Final = "lambda_handler.main.handler"
"""The function's handler: this package's import path inside the asset."""

FUNCTION_TIMEOUT_SECONDS: Final = 300
SERVICE_TIMEOUT_SECONDS: Final = 1200
"""How long CloudFormation waits: three invocations plus Lambda's retry delays."""


class Property:
    """The properties of the two resource types, and those of all custom resources."""

    DESCRIPTION: Final = "Description"
    TAGS: Final = "Tags"
    ADOPT: Final = "AdoptClientCertificateId"
    OF_CERTIFICATE: Final = frozenset({DESCRIPTION, TAGS, ADOPT})
    LOOKUP: Final = "ClientCertificateId"
    SERVICE_TOKEN: Final = "ServiceToken"
    SERVICE_TIMEOUT: Final = "ServiceTimeout"


class Attribute:
    """What `Fn::GetAtt` reads. Create and Update both return every one."""

    ID: Final = "ClientCertificateId"
    ARN: Final = "ClientCertificateArn"
    PEM: Final = "PemEncodedCertificate"
    CREATED: Final = "CreatedDate"
    EXPIRATION: Final = "ExpirationDate"


class OwnTag:
    """The tags that the handler writes besides the user's; they make Create idempotent."""

    PREFIX: Final = "client-certificate:"
    STACK: Final = "client-certificate:stack-id"
    LOGICAL: Final = "client-certificate:logical-id"
    REQUEST: Final = "client-certificate:request-id"
    COUNT: Final = 3


QUOTA_CODE: Final = "L-824C9E42"
"""Service Quotas code of "client certificates per account and Region" (60)."""
