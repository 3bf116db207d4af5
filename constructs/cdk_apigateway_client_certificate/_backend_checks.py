"""The methods that a rotation calls to learn whether a backend accepts a certificate."""

from collections.abc import Collection
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway

from ._rendered import rendered

_VERBS: Final = ("GET", "HEAD")
_INTEGRATIONS: Final = ("HTTP", "HTTP_PROXY")


def method_path(method: apigateway.Method) -> str:
    """Return `/restapis/{id}/resources/{id}/methods/{verb}`."""
    resource = f"/restapis/{method.api.rest_api_id}/resources/{method.resource.resource_id}"
    return f"{resource}/methods/{method.http_method}"


def method_violation(method: apigateway.Method, rest_api_ids: Collection[str]) -> str | None:
    """Return why a method cannot be a backend check, None if it can.

    Args:
        method: The method.
        rest_api_ids: The REST APIs of the stages that present the certificate.
    """
    if not isinstance(method, apigateway.Method):
        return (
            f"backend check {method!r} is not a method of a REST API: use what add_method returns"
        )
    check = f"backend check {method.node.path!r}"
    if "{" in method.resource.path and not cdk.Token.is_unresolved(method.resource.path):
        return (
            f"{check} has the path {method.resource.path!r}, and a check has no values for its "
            "parameters: use a method without path parameters"
        )
    if method.api.rest_api_id not in rest_api_ids:
        return (
            f"{check} is of REST API {method.api.node.path!r}, which has no stage in stages: "
            "list its stage, or use a method of an API whose stage is listed"
        )
    return None


def method_template_violation(method: apigateway.Method) -> str | None:
    """Return why a method cannot be a backend check as its template has it, None if it can."""
    resource = method.node.default_child
    assert isinstance(resource, cdk.CfnElement)
    properties = rendered(resource).get("Properties", {})
    verb = properties.get("HttpMethod")
    integration = properties.get("Integration", {}).get("Type")
    if verb not in _VERBS:
        return (
            f"backend check {method.node.path!r} is a {verb} method, which may change something: "
            f"use {' or '.join(_VERBS)}"
        )
    if integration not in _INTEGRATIONS:
        return (
            f"backend check {method.node.path!r} has integration type {integration}, which "
            f"presents no client certificate: use {' or '.join(_INTEGRATIONS)}"
        )
    return None
