"""Reads CloudWatch's embedded metric format from a log.

Source: the CloudWatch user guide, "Specification: Embedded metric format".
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Datum", "read_metrics"]


@dataclass(frozen=True)
class Datum:
    """The values of a metric at one time, with one set of dimensions.

    Attributes:
        time: In epoch seconds.
    """

    namespace: str
    name: str
    dimensions: Mapping[str, str]
    values: list[float]
    unit: str
    time: float


def read_metrics(log: str) -> Iterator[Datum]:
    """Yield the metrics of each line of a log that is a document in the embedded metric format.

    As CloudWatch does, ignore any other line, and what does not keep to the format.
    """
    for line in log.splitlines():
        if line.startswith("{") and '"_aws"' in line:
            try:
                yield from list(_metrics(json.loads(line)))
            except (ValueError, TypeError, KeyError, AttributeError):
                continue


def _metrics(document: dict[str, Any]) -> Iterator[Datum]:
    metadata = document["_aws"]
    time = metadata["Timestamp"] / 1000
    for directive in metadata["CloudWatchMetrics"]:
        for keys in directive["Dimensions"]:
            dimensions = {key: document[key] for key in keys}
            if not all(isinstance(value, str) for value in dimensions.values()):
                raise ValueError("the value of a dimension must be a string")
            for metric in directive["Metrics"]:
                values = document[metric["Name"]]
                yield Datum(
                    directive["Namespace"],
                    metric["Name"],
                    dimensions,
                    [float(item) for item in (values if isinstance(values, list) else [values])],
                    metric.get("Unit", "None"),
                    time,
                )
