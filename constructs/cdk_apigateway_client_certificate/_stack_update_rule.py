"""The EventBridge rule that starts a run after an update of the stacks of a certificate's stages.

aws_events is imported where it is used: most stacks have no rotation.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from ._rendered import rendered
from .lambda_handler.contract import Property, RotatingProperty, Task

if TYPE_CHECKING:
    from aws_cdk import aws_events as events

_STATUSES: Final = (
    "UPDATE_COMPLETE",
    "UPDATE_FAILED",
    "UPDATE_ROLLBACK_COMPLETE",
    "UPDATE_ROLLBACK_FAILED",
)
"""The ends of a stack's update. After each, a stage may present another certificate."""

MAX_INPUT_TEMPLATE: Final = 8192
"""Characters of an input transformer's template. Source: EventBridge API, InputTransformer."""

_FREE_TEXTS: Final = (Property.DESCRIPTION, RotatingProperty.REASON)
"""The properties that may have a "<"."""


def create_stack_update_rule(
    scope: Construct,
    function: lambda_.IFunction,
    resource: Mapping[str, Any],
    stacks: Sequence[cdk.Stack],
) -> "events.CfnRule":
    """Create the rule of a certificate, and let it invoke the function.

    Args:
        scope: The certificate.
        function: The function that rotates it.
        resource: The certificate's entry in the task `rotate`.
        stacks: The stacks of its stages.
    """
    from aws_cdk import aws_events as events

    described = cdk.Stack.of(scope).to_json_string(resource)
    if any(_may_have_bracket(resource.get(name)) for name in _FREE_TEXTS):
        # EventBridge would read a "<" as the beginning of a placeholder.
        described = cdk.Fn.join("\\u003c", cdk.Fn.split("<", described))
    # EventBridge inserts the time with quotes.
    task = f'"{Task.TASK}":"{Task.ROTATE}","{Task.TIME}":<time>'
    template = f'{{{task},"{Task.RESOURCES}":[{described}]}}'
    rule = events.CfnRule(
        scope,
        "StackUpdated",
        description="Starts a rotation run after an update of the stages' stacks",
        event_pattern={
            "source": ["aws.cloudformation"],
            "detail-type": ["CloudFormation Stack Status Change"],
            "detail": {
                "stack-id": [stack.stack_id for stack in stacks],
                "status-details": {"status": list(_STATUSES)},
            },
        },
        targets=[
            events.CfnRule.TargetProperty(
                arn=function.function_arn,
                id="Function",
                input_transformer=events.CfnRule.InputTransformerProperty(
                    input_template=template, input_paths_map={"time": "$.time"}
                ),
                retry_policy=events.CfnRule.RetryPolicyProperty(
                    maximum_event_age_in_seconds=3600, maximum_retry_attempts=2
                ),
            )
        ],
    )
    lambda_.CfnPermission(
        scope,
        "MayInvoke",
        action="lambda:InvokeFunction",
        function_name=function.function_arn,
        principal="events.amazonaws.com",
        source_arn=rule.attr_arn,
    )
    return rule


def input_template_violation(rule: cdk.CfnElement) -> str | None:
    """Return what is wrong with the input template of a rule, as far as its length is known."""
    [target] = rendered(rule)["Properties"]["Targets"]
    length = _known_length(target["InputTransformer"]["InputTemplate"])
    if length <= MAX_INPUT_TEMPLATE:
        return None
    return (
        f"description, tags, stages and checks have {length} characters as JSON, and EventBridge "
        f"takes {MAX_INPUT_TEMPLATE} as the input of a rule: use fewer or shorter ones"
    )


def _known_length(value: Any) -> int:
    """Return how many characters a part of a template has at least, once it is resolved."""
    match value:
        case str(text):
            return len(text)
        case {"Fn::Join": [str(delimiter), [*parts]]}:
            return sum(map(_known_length, parts)) + len(delimiter) * (len(parts) - 1)
        case {"Fn::Join": [_, {"Fn::Split": [_, text]}]}:
            return _known_length(text)
    return 0


def _may_have_bracket(value: Any) -> bool:
    return value is not None and (cdk.Token.is_unresolved(value) or "<" in value)
