"""Permissions that `ministack` does not ask for: it checks one action per request."""

from importlib import import_module
from typing import Any
from uuid import uuid4

from .ministack_stages import MinistackResponse, current_region

__all__ = ["access_denied"]


def access_denied(
    service: str, action: str, resource: str, headers: dict[str, str], query: Any
) -> MinistackResponse | None:
    """Return an error response unless the policies of a request's caller allow an action.

    Args:
        service: ministack's name of the service.
        action: The action, with its prefix.
        resource: The ARN of the resource.
        headers: The headers of the request.
        query: The query string of the request.
    """
    router, actions, evaluator = (
        import_module(f"ministack.core.{name}")
        for name in ("router", "iam_actions", "iam_evaluator")
    )
    key = router.extract_access_key_id(headers, query)
    denial = evaluator.enforce(key, action, service, current_region(), resource_arn=resource)
    if not denial:
        return None
    response: MinistackResponse = actions.access_denied_response(
        service,
        action,
        denial.principal_arn,
        str(uuid4()),
        headers=headers,
        resource_arn=resource,
        explicit_deny=denial.decision == "Deny",
    )
    return response
