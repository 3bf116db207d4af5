"""The metric of a client certificate, its alarms and its widget, and the schedule of the checks.

aws_cloudwatch is imported where it is used: it takes time, and most stacks do not ask for it. For
the same reason no `Duration` is created at import: the first call to CDK takes a tenth of a second.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

import aws_cdk as cdk
import jsii
from constructs import Construct, IConstruct

from ._provider import get_or_create_function
from ._schedule import SCHEDULED_TIME, create_schedule
from .lambda_handler import contract
from .lambda_handler.contract import Metric, Task

if TYPE_CHECKING:
    from aws_cdk import aws_cloudwatch as cloudwatch

CHECK_HOURS: Final = 12
"""Hours between two checks of a stack's certificates."""
ALARM_DAYS: Final = 30
"""Days before the expiration at which the alarm fires by default."""
VALIDITY_DAYS: Final = 365

_ID: Final = f"{contract.RESOURCE_TYPE}Monitoring"


def dimensions(construct: IConstruct, logical_id: str) -> dict[str, str]:
    """Return the dimensions of a certificate's metric, as the handler prints them.

    Args:
        construct: The certificate.
        logical_id: That of its custom resource, or a name that no other certificate of the stack
            has.
    """
    stack_name = cdk.Lazy.uncached_string(_StackName(cdk.Stack.of(construct)))
    return {Metric.STACK_NAME: stack_name, Metric.LOGICAL_ID: logical_id}


@jsii.implements(cdk.IStringProducer)
class _StackName:
    """The name under which a stack is deployed. A StackSet, for example, chooses its own.

    Only the stack itself can refer to that name. Other stacks use the name from the app.
    """

    def __init__(self, stack: cdk.Stack) -> None:
        self._stack = stack

    def produce(self, context: cdk.IResolveContext) -> str:
        consumer = cdk.Stack.of(context.scope)
        same = consumer.node.addr == self._stack.node.addr
        return cdk.Aws.STACK_NAME if same else self._stack.stack_name


def metric_days_to_expiry(
    construct: IConstruct, dimensions: Mapping[str, str], **options: Any
) -> "cloudwatch.Metric":
    """Return the metric `DaysToExpiry`: the minimum over a day, unless the options differ."""
    from aws_cdk import aws_cloudwatch as cloudwatch

    defaults = {"statistic": cloudwatch.Stats.MINIMUM, "period": cdk.Duration.days(1)}
    metric = cloudwatch.Metric(
        namespace=Metric.NAMESPACE,
        metric_name=Metric.DAYS_TO_EXPIRY,
        dimensions_map=dimensions,
        **{**defaults, **options},
    )
    return metric.attach_to(construct)


def alarm_on_expiry(
    construct: Construct,
    id: str,
    dimensions: Mapping[str, str],
    *,
    within: cdk.Duration | None = None,
    **options: Any,
) -> "cloudwatch.Alarm":
    """Create the alarm that fires when a certificate has at most `within` left, or is gone.

    `within` is 30 days by default.

    Raises:
        ValueError: `within` is not positive, or is longer than a certificate is valid.
    """
    from aws_cdk import aws_cloudwatch as cloudwatch

    days = _days(construct, within)
    defaults = {
        "alarm_description": f"Client certificate {construct.node.path} expires within {days:g} "
        "days, has expired, or (-1) was deleted: replace it (docs/how-to/monitor.md)",
        "treat_missing_data": cloudwatch.TreatMissingData.IGNORE,
    }
    return metric_days_to_expiry(construct, dimensions).create_alarm(
        construct,
        id,
        comparison_operator=cloudwatch.ComparisonOperator.LESS_THAN_OR_EQUAL_TO_THRESHOLD,
        threshold=days,
        evaluation_periods=1,
        **{**defaults, **options},
    )


def alarm_on_check_failure(
    construct: Construct,
    id: str,
    dimensions: Mapping[str, str],
    *,
    interval: cdk.Duration | None = None,
    **options: Any,
) -> "cloudwatch.Alarm":
    """Create the alarm that fires when two checks in a row reported nothing.

    Args:
        construct: The certificate, which becomes the alarm's scope.
        id: The alarm's construct ID.
        dimensions: The metric's dimensions.
        interval: The time from one check to the next: 12 hours by default.
        options: Further arguments of `aws_cloudwatch.Alarm`.
    """
    from aws_cdk import aws_cloudwatch as cloudwatch

    interval = interval or cdk.Duration.hours(CHECK_HOURS)
    defaults = {
        "alarm_description": f"No check of client certificate {construct.node.path} has succeeded "
        f"for {2 * interval.to_hours():g} hours: see the function's log (docs/how-to/monitor.md)",
    }
    metric = metric_days_to_expiry(
        construct, dimensions, statistic=cloudwatch.Stats.SAMPLE_COUNT, period=interval
    )
    alarm = metric.create_alarm(
        construct,
        id,
        comparison_operator=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
        threshold=1,
        evaluation_periods=2,
        treat_missing_data=cloudwatch.TreatMissingData.BREACHING,
        **{**defaults, **options},
    )
    resource = alarm.node.default_child
    assert isinstance(resource, cloudwatch.CfnAlarm)
    # Without it, the alarm would fire before the first checks. It is an override because CfnAlarm
    # of the oldest supported aws-cdk-lib has no such property.
    warm_up = {"WarmUpPeriodDurationInMinutes": 2 * interval.to_minutes()}
    resource.add_property_override("WarmUpConfiguration", warm_up)
    return alarm


def days_to_expiry_widget(
    construct: IConstruct,
    dimensions: Mapping[str, str],
    *,
    within: cdk.Duration | None = None,
    **options: Any,
) -> "cloudwatch.GraphWidget":
    """Return a graph of the metric with a line at `within`, where the alarm fires.

    Raises:
        ValueError: `within` is not positive, or is longer than a certificate is valid.
    """
    from aws_cdk import aws_cloudwatch as cloudwatch

    days = _days(construct, within)
    label = construct.node.path
    line = cloudwatch.HorizontalAnnotation(
        value=days, label=f"{days:g} days", color=cloudwatch.Color.RED
    )
    defaults = {
        "title": f"Days to expiry of {label}",
        "left": [metric_days_to_expiry(construct, dimensions, label=label)],
        "left_y_axis": cloudwatch.YAxisProps(label="days", show_units=False),
        "left_annotations": [line],
    }
    return cloudwatch.GraphWidget(**{**defaults, **options})


def add_to_schedule(
    certificate: IConstruct, dimensions: Mapping[str, str], client_certificate_id: str
) -> None:
    """Make the function check a certificate every 12 hours. A second call changes nothing.

    The first call in a stack creates the stack's schedule.
    """
    stack = cdk.Stack.of(certificate)
    if stack not in _CERTIFICATES:
        _CERTIFICATES[stack] = {}
        _create_schedule(stack, _CERTIFICATES[stack])
    _CERTIFICATES[stack][certificate.node.path] = {
        **dimensions,
        Task.CERTIFICATE_ID: client_certificate_id,
    }


_CERTIFICATES: Final[WeakKeyDictionary[cdk.Stack, dict[str, Mapping[str, str]]]] = (
    WeakKeyDictionary()
)
"""The entries of each stack's schedule, by the paths of the certificates."""


def _create_schedule(stack: cdk.Stack, certificates: Mapping[str, Mapping[str, str]]) -> None:
    task = {
        Task.TASK: Task.MONITOR,
        Task.TIME: SCHEDULED_TIME,
        Task.CERTIFICATES: cdk.Lazy.any(_Certificates(stack, certificates)),
    }
    create_schedule(
        Construct(stack, _ID),
        get_or_create_function(stack),
        cdk.Duration.hours(CHECK_HOURS),
        task,
        description="Checks how many days the client certificates are still valid",
        role_description="Lets the schedule invoke the function of the client certificates",
    )


@jsii.implements(cdk.IStableAnyProducer)
class _Certificates:
    """The list in the schedule's input.

    It keeps the stack alive, and with it the stack's entry in `_CERTIFICATES`.
    """

    def __init__(self, stack: cdk.Stack, certificates: Mapping[str, Mapping[str, str]]) -> None:
        self._stack = stack
        self._certificates = certificates

    def produce(self) -> Any:
        return list(self._certificates.values())


def _days(construct: IConstruct, within: cdk.Duration | None) -> float:
    days = float(ALARM_DAYS) if within is None else float(within.to_days(integral=False))
    if not 0 < days <= VALIDITY_DAYS:
        raise ValueError(
            f"{construct.node.path}: within is {days:g} days, but a certificate is valid for "
            f"{VALIDITY_DAYS}: use more than 0 and at most {VALIDITY_DAYS} days"
        )
    return days
