"""Prints metrics in CloudWatch's embedded metric format, which needs no call and no permission.

CloudWatch reads them from the log group. Source: CloudWatch user guide, "Specification: Embedded
metric format".
"""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from . import log
from .contract import Metric

GONE: Final = -1.0
"""The days to expiry of a certificate that does not exist."""


def days_to_expiry(expires: datetime, now: datetime) -> float:
    """Return the days until a certificate expires, with fractions; negative once it has."""
    return (expires - now) / timedelta(days=1)


def emit(stack_name: str, logical_id: str, values: Mapping[str, float], now: datetime) -> None:
    """Print metrics of one certificate as one line of JSON, as CloudWatch requires.

    Args:
        stack_name: The value of the dimension `StackName`.
        logical_id: The value of the dimension `LogicalId`.
        values: The metrics' values by their names.
        now: The metrics' time. CloudWatch refuses those older than two weeks.
    """
    dimensions = {Metric.STACK_NAME: stack_name, Metric.LOGICAL_ID: logical_id}
    directive = {
        "Namespace": Metric.NAMESPACE,
        "Dimensions": [list(dimensions)],
        "Metrics": [{"Name": name} for name in values],
    }
    line = {
        **log.request_fields.get(),
        "_aws": {"Timestamp": int(now.timestamp() * 1000), "CloudWatchMetrics": [directive]},
        **dimensions,
        **values,
    }
    print(json.dumps(line), flush=True)
