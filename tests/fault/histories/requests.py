"""CloudFormation's requests and resources, as the model records them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from lambda_handler.request import validity
from local_aws.certificate_store import Certificate

OTHER_STACK = "arn:aws:cloudformation:us-east-1:123456789012:stack/Other/9b7c2f10-0000"
LOGICAL_IDS = ("CertificateA", "CertificateB")
FUNCTION_SECONDS = 120.0
"""Time-out of the function: less than the real 300 s, so that retries take fewer calls."""
URL_VALIDITY = timedelta(hours=2)
"""How long a ResponseURL is valid."""
SERVICE_TIMEOUT = timedelta(minutes=20)
"""How long CloudFormation waits for a response."""
ADOPT = "AdoptClientCertificateId"


@dataclass(eq=False)
class Request:
    """One request from CloudFormation, which Lambda may deliver several times."""

    role: Literal["create", "update", "replace", "delete", "cleanup"]
    event: dict[str, Any]
    resource: "Resource"
    responses: list[dict[str, Any]] = field(default_factory=list)
    awaited: bool = True
    """CloudFormation still waits for a response: none came, and the time-out is not over."""
    delete_sent: bool = False
    """CloudFormation has sent a Delete of the certificate that this request created."""
    delete_succeeded: bool = False
    """That Delete has succeeded."""
    ran_concurrently: bool = False
    """Two deliveries ran at the same time."""
    is_rollback: bool = False
    """It rolls back a successful Update, so the certificate that the Update replaced is kept."""
    leftover_reason: str = ""
    """Why this request may leave a certificate behind that the handler cannot know of."""

    @property
    def id(self) -> str:
        return str(self.event["RequestId"])

    @property
    def may_create(self) -> bool:
        return self.role in ("create", "update", "replace")


@dataclass(eq=False)
class Resource:
    """CloudFormation's record of one resource of the stack."""

    logical_id: str
    physical_id: str | None = None
    properties: dict[str, Any] = field(default_factory=dict)
    pending: Request | None = None
    replaced_ids: list[str] = field(default_factory=list)
    """Physical IDs that were replaced and that CloudFormation still has to delete."""
    rollback_properties: dict[str, Any] | None = None
    """The properties before the last Update, while that Update can still be rolled back."""
    drifted: bool = False
    """The certificate's state is unknown: requests or resources changed it out of order."""


def stops_adopting(request: Request) -> bool:
    event = request.event
    return (
        ADOPT in event.get("OldResourceProperties", {}) and ADOPT not in event["ResourceProperties"]
    )


def service_timeout_at(event: Mapping[str, Any]) -> float:
    return (
        validity(event["ResponseURL"])[1]
        - URL_VALIDITY.total_seconds()
        + SERVICE_TIMEOUT.total_seconds()
    )


def url_expired(event: Mapping[str, Any], now: float) -> bool:
    return validity(event["ResponseURL"])[1] <= now


def request_id(number: int) -> str:
    return f"7d3e9c1a-0000-4000-8000-{number:012d}"


def snapshot(certificate: Certificate) -> tuple[object, ...]:
    return (certificate.description, dict(certificate.tags), certificate.pem)


def iso_format(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def resource_properties(description: str | None, tags: Mapping[str, str]) -> dict[str, Any]:
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    described = {} if description is None else {"Description": description}
    return {"ServiceTimeout": "1200", **described, **({"Tags": listed} if listed else {})}


def desired_state(properties: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    listed = properties.get("Tags", [])
    return properties.get("Description", ""), {tag["Key"]: tag["Value"] for tag in listed}
