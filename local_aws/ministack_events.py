"""EventBridge in `ministack`: stack status changes, PutEvents, and the functions of rules."""

import contextvars
import json
from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

from .clock import Clock
from .ministack_invocations import Invoker
from .ministack_stages import MinistackResponse

__all__ = ["extend_events"]

_STACK: Final = "AWS::CloudFormation::Stack"
_REQUIRED: Final = ("Source", "DetailType", "Detail")

_time: contextvars.ContextVar[float | None] = contextvars.ContextVar("time", default=None)
"""The time of the event that is being put, if its entry has one."""
_rule: contextvars.ContextVar[Mapping[str, Any]] = contextvars.ContextVar("rule")
"""The rule whose targets are being invoked."""


def extend_events(clock: Clock, invoker: Invoker) -> None:
    """Apply all extensions of this module."""
    eventbridge: Any = import_module("ministack.services.eventbridge")
    _invoke_functions(eventbridge, clock, invoker)
    _publish_stack_status_changes(eventbridge)
    _check_entries(eventbridge)


def _invoke_functions(eventbridge: Any, clock: Clock, invoker: Invoker) -> None:
    """Invoke functions as Lambda does for events: with retries, and only with permission.

    ministack invokes a function once, and does not look at its resource policy.
    """
    invoke_target = eventbridge._invoke_target

    def invoke(target: Any, event: Any, rule: Mapping[str, Any], *rest: Any) -> None:
        token = _rule.set(rule)
        try:
            invoke_target(target, event, rule, *rest)
        finally:
            _rule.reset(token)

    def dispatch(function: str, payload: str) -> None:
        arn = _rule.get()["Arn"]
        if _may_invoke(arn, function):
            invoker.start(clock.now(), arn, function, payload)
        else:
            reason = f"{function} has no permission that lets events.amazonaws.com invoke it for "
            invoker.refuse(clock.now(), arn, function, reason + arn)

    eventbridge._invoke_target, eventbridge._dispatch_to_lambda = invoke, dispatch


def _may_invoke(rule: str, function: str) -> bool:
    """Return whether the function's resource policy lets a rule invoke it."""
    evaluator: Any = import_module("ministack.core.iam_evaluator")
    service: Any = import_module("ministack.services.lambda_svc")
    policy = service.function_policy_for_arn(function)
    _, _, _, region, account, _ = rule.split(":", 5)
    context = evaluator.EvalContext(
        principal_arn="events.amazonaws.com",
        principal_type="Service",
        principal_account="",
        action="lambda:InvokeFunction",
        resource_arn=function,
        region=region,
        service_context={"aws:sourcearn": rule, "aws:sourceaccount": account},
    )
    result = evaluator.evaluate_resource_policy(
        policy and policy[0], context, service="events.amazonaws.com"
    )
    return bool(result.decision == "Allow")


def _publish_stack_status_changes(eventbridge: Any) -> None:
    """Put a "CloudFormation Stack Status Change" on the default bus, which ministack does not."""
    stacks: Any = import_module("ministack.services.cloudformation.stacks")
    add_event = stacks._add_event

    def add_and_publish(
        stack_id: str,
        stack_name: str,
        logical_id: str,
        resource_type: str,
        status: str,
        reason: str = "",
        *rest: Any,
        **options: Any,
    ) -> None:
        add_event(stack_id, stack_name, logical_id, resource_type, status, reason, *rest, **options)
        if resource_type == _STACK and logical_id == stack_name:
            detail = {
                "stack-id": stack_id,
                "status-details": {"status": status, "status-reason": reason},
                "client-request-token": stacks.CLIENT_REQUEST_TOKEN.get(),
            }
            entry = {
                "Source": "aws.cloudformation",
                "DetailType": "CloudFormation Stack Status Change",
                "Resources": [stack_id],
                "Detail": json.dumps(detail),
            }
            eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)

    for name in ("stacks", "handlers", "changesets"):
        module: Any = import_module(f"ministack.services.cloudformation.{name}")
        if not hasattr(module, "_add_event"):
            raise RuntimeError(f"ministack's module {name} has no function _add_event")
        module._add_event = add_and_publish


def _check_entries(eventbridge: Any) -> None:
    """Check the entries of PutEvents one by one, and keep their time.

    ministack accepts entries without what is required, and dates all events by the clock.
    """
    put_events, now = eventbridge._put_events, eventbridge._now_ts

    def put(data: dict[str, Any], **options: Any) -> MinistackResponse:
        entries = data.get("Entries", [])
        if not 1 <= len(entries) <= 10:
            response: MinistackResponse = put_events(data, **options)
            return response
        results = []
        for entry in entries:
            if error := _entry_error(entry):
                results.append(error)
                continue
            token = _time.set(entry.get("Time"))
            try:
                _, _, body = put_events({"Entries": [entry]}, **options)
            finally:
                _time.reset(token)
            results += json.loads(body)["Entries"]
        failed = sum("ErrorCode" in result for result in results)
        response = eventbridge.json_response({"FailedEntryCount": failed, "Entries": results})
        return response

    eventbridge._put_events = put
    eventbridge._now_ts = lambda: _time.get() or now()


def _entry_error(entry: Mapping[str, Any]) -> dict[str, str] | None:
    for name in _REQUIRED:
        if not entry.get(name):
            message = f"Parameter {name} is not valid. Reason: {name} is a required argument."
            return {"ErrorCode": "InvalidArgument", "ErrorMessage": message}
    try:
        valid = isinstance(json.loads(entry["Detail"]), dict)
    except ValueError:
        valid = False
    if not valid:
        return {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}
    return None
