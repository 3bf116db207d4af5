"""The schedules that invoke the functions."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

if TYPE_CHECKING:
    from aws_cdk import aws_scheduler as scheduler

SCHEDULED_TIME: Final = "<aws.scheduler.scheduled-time>"
"""EventBridge Scheduler replaces it. Source: its user guide, "Adding context attributes"."""


def create_schedule(
    scope: Construct,
    function: lambda_.IFunction,
    interval: cdk.Duration,
    task: Mapping[str, Any],
    *,
    description: str,
    role_description: str,
) -> "scheduler.CfnSchedule":
    """Create a schedule that invokes a function with a task, and its role.

    Args:
        scope: Of both.
        function: The function, and the only one that the role may invoke.
        interval: In whole hours.
        task: The event, which may have tokens.
        description: The schedule's.
        role_description: The role's.
    """
    from aws_cdk import aws_scheduler as scheduler  # here: most stacks have no schedule

    stack = cdk.Stack.of(scope)
    invoke = iam.PolicyStatement(
        actions=["lambda:InvokeFunction"], resources=[function.function_arn]
    )
    role = iam.Role(
        scope,
        "Role",
        # Not for the schedules of other accounts: EventBridge Scheduler user guide, "Confused
        # deputy prevention".
        assumed_by=iam.ServicePrincipal(
            "scheduler.amazonaws.com",
            conditions={"StringEquals": {"aws:SourceAccount": stack.account}},
        ),
        description=role_description,
        inline_policies={"Invoke": iam.PolicyDocument(statements=[invoke])},
    )
    unit = "hour" if interval.to_hours() == 1 else "hours"
    # L1: the L2 target resolves its input at once, while certificates are still added, and allows
    # its role to invoke all versions of the function too.
    return scheduler.CfnSchedule(
        scope,
        "Schedule",
        description=description,
        schedule_expression=f"rate({interval.to_hours():g} {unit})",
        flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
        target=scheduler.CfnSchedule.TargetProperty(
            arn=function.function_arn,
            role_arn=role.role_arn,
            input=stack.to_json_string(task),
            retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                maximum_event_age_in_seconds=3600, maximum_retry_attempts=2
            ),
        ),
    )
