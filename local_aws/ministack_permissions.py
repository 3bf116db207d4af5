"""Permissions that `ministack` does not check, or checks on another resource.

It checks one action per request.
"""

import re
from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final
from uuid import uuid4

from .ministack_stages import MinistackResponse, current_region

__all__ = ["access_denied", "extend_permissions"]

_SCHEDULE_PATH: Final = re.compile(r"/schedules/([^/]+)")


def extend_permissions() -> None:
    """Authorize calls to a schedule by the ARN with its group; to ministack, all are `default`."""
    actions: Any = import_module("ministack.core.iam_actions")
    extract_resource_arn = actions.extract_resource_arn

    def extract(
        service: str,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        query: Mapping[str, Any],
        region: str,
        account: str,
        *rest: Any,
    ) -> str:
        match = _SCHEDULE_PATH.fullmatch(path)
        if service == "scheduler" and match:
            document = actions._safe_json_field(body, "GroupName")
            parameter = actions._query_param(query, "groupName")
            group = document or parameter or "default"
            return f"arn:aws:scheduler:{region}:{account}:schedule/{group}/{match[1]}"
        arn: str = extract_resource_arn(
            service, method, path, headers, body, query, region, account, *rest
        )
        return arn

    actions.extract_resource_arn = extract


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
