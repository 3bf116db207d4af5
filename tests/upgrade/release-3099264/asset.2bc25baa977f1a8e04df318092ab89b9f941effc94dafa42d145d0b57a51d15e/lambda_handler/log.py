"""Structured logs: one JSON line a decision, on standard output, which Lambda sends to the group.

Never the event: its ResponseURL is signed, and whoever reads it can answer for the resource.
"""

import json
import logging
import sys
import time
from collections.abc import Mapping, MutableMapping
from typing import Any

PACKAGE = __name__.rpartition(".")[0]


class _JsonLines(logging.Formatter):
    converter = staticmethod(time.gmtime)

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "timestamp": self.formatTime(record, "%Y-%m-%dT%H:%M:%S")
            + f".{int(record.msecs):03d}Z",
            "level": record.levelname,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class Log(logging.LoggerAdapter[logging.Logger]):
    """A logger that puts the same fields on each line of one request."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__(logging.getLogger(PACKAGE), fields)

    def process(
        self, msg: Any, kwargs: MutableMapping[str, Any]
    ) -> tuple[Any, MutableMapping[str, Any]]:
        return msg, {
            **kwargs,
            "extra": {"fields": {**(self.extra or {}), **kwargs.pop("extra", {})}},
        }


def configure() -> None:
    """Write this package's lines as JSON, and none of them a second time through the root."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_JsonLines())
    logger = logging.getLogger(PACKAGE)
    logger.handlers = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False
