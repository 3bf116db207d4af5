"""The names and limits that the construct and the handler share, each written only here.

Standard library only, since the construct imports this module at synth and the function at its
cold start.
"""

from typing import Final

RESOURCE_TYPE: Final = "Custom::ApiGatewayClientCertificate"
LOOKUP_RESOURCE_TYPE: Final = "Custom::ApiGatewayClientCertificateLookup"
ROTATING_RESOURCE_TYPE: Final = "Custom::ApiGatewayRotatingClientCertificate"

HANDLER: Final = "lambda_handler.main.handler"
"""The function's handler: this package's import path inside the asset."""

FUNCTION_TIMEOUT_SECONDS: Final = 300
SERVICE_TIMEOUT_SECONDS: Final = 1200
"""How long CloudFormation waits: three invocations plus Lambda's retry delays."""


class Property:
    """The properties of certificates and look-ups, and those of all custom resources."""

    DESCRIPTION: Final = "Description"
    TAGS: Final = "Tags"
    ADOPT: Final = "AdoptClientCertificateId"
    OF_CERTIFICATE: Final = frozenset({DESCRIPTION, TAGS, ADOPT})
    LOOKUP: Final = "ClientCertificateId"
    SERVICE_TOKEN: Final = "ServiceToken"
    SERVICE_TIMEOUT: Final = "ServiceTimeout"


class RotatingProperty:
    """The properties of a rotating certificate besides those of `Property.OF_CERTIFICATE`."""

    STAGES: Final = "Stages"
    """`/restapis/{id}/stages/{name}` and `/apis/{id}/stages/{name}`, as IAM writes them."""
    TRUST_PARAMETER: Final = "TrustParameterName"
    ROTATE_BEFORE_EXPIRY: Final = "RotateBeforeExpirySeconds"
    OVERLAP: Final = "OverlapSeconds"
    CHECKS: Final = "BackendChecks"
    """`/restapis/{id}/resources/{id}/methods/{verb}`, as IAM writes them."""
    REASON: Final = "RotationReason"
    STAGE_SETTINGS: Final = "StageSettings"
    """A hash of the stages' templates, so that a deploy that changes one updates the resource."""
    ALL: Final = Property.OF_CERTIFICATE | {
        STAGES,
        TRUST_PARAMETER,
        ROTATE_BEFORE_EXPIRY,
        OVERLAP,
        CHECKS,
        REASON,
        STAGE_SETTINGS,
    }


class Task:
    """An event that does not come from CloudFormation: its keys, and the values of `task`.

    `main` knows these values too: it responds even if this module cannot be imported.
    """

    TASK: Final = "task"
    TIME: Final = "time"
    MONITOR: Final = "monitor"
    CERTIFICATES: Final = "certificates"
    """Each has the dimensions of its metric, and this one:"""
    CERTIFICATE_ID: Final = "ClientCertificateId"
    ROTATE: Final = "rotate"
    RESOURCES: Final = "resources"
    """Each has all properties of the custom resource, and these two:"""
    STACK_ID: Final = "StackId"
    LOGICAL_ID: Final = "LogicalId"


class Attribute:
    """What `Fn::GetAtt` reads. Create and Update both return every one."""

    ID: Final = "ClientCertificateId"
    ARN: Final = "ClientCertificateArn"
    PEM: Final = "PemEncodedCertificate"
    CREATED: Final = "CreatedDate"
    EXPIRATION: Final = "ExpirationDate"
    TRUST_PARAMETER: Final = "TrustParameterName"
    """Of a rotating certificate only."""


class Metric:
    """The metrics that the function prints, and their dimensions."""

    NAMESPACE: Final = "ApiGatewayClientCertificate"
    DAYS_TO_EXPIRY: Final = "DaysToExpiry"
    ROTATION_HELD: Final = "RotationHeld"
    """1 while a backend's refusal holds back the switch to the next certificate, else 0."""
    STACK_NAME: Final = "StackName"
    LOGICAL_ID: Final = "LogicalId"


class OwnTag:
    """The tags that the handler writes besides the user's; they make Create idempotent."""

    PREFIX: Final = "client-certificate:"
    STACK: Final = "client-certificate:stack-id"
    LOGICAL: Final = "client-certificate:logical-id"
    REQUEST: Final = "client-certificate:request-id"
    COUNT: Final = 3
    GENERATION: Final = "client-certificate:generation"
    PUBLISHED: Final = "client-certificate:published-at"
    ACCEPTED: Final = "client-certificate:accepted-at"
    RETIRED: Final = "client-certificate:retired-at"
    REASON: Final = "client-certificate:rotation-reason"
    ROTATING_COUNT: Final = 8
    """Those of a generation of a rotating certificate: the three of each, and these five."""


QUOTA_CODE: Final = "L-824C9E42"
"""Service Quotas code of "client certificates per account and Region" (60)."""
