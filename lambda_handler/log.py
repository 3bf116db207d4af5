"""Structured logs: one JSON line a decision, on standard output, which Lambda sends to the group.

The event is never logged: whoever reads its signed ResponseURL can respond for the resource.

Lambda's own JSON format (`LoggingFormat.JSON`) would also do, with a filter that adds the fields of
the request. But it exists in Lambda only: in the tests and in the local AWS, the lines would look
different from those that an operator sees.
"""

import json
import logging
import sys
import time
from collections.abc import Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, Final

PACKAGE: Final = __name__.rpartition(".")[0]

request_fields: Final[ContextVar[Mapping[str, str]]] = ContextVar(
    "request_fields", default=MappingProxyType({})
)
"""Fields of each line that is logged while a request is carried out."""

_STANDARD_FIELDS: Final = frozenset(vars(logging.makeLogRecord({})))


class _JsonLines(logging.Formatter):
    converter = staticmethod(time.gmtime)

    def format(self, record: logging.LogRecord) -> str:
        extra = {
            name: value for name, value in vars(record).items() if name not in _STANDARD_FIELDS
        }
        line: dict[str, Any] = {
            "timestamp": self.formatTime(record, "%Y-%m-%dT%H:%M:%S")
            + f".{int(record.msecs):03d}Z",
            "level": record.levelname,
            "message": record.getMessage(),
            **request_fields.get(),
            **extra,
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def configure() -> None:
    """Write this package's lines as JSON, and keep the root logger from writing them again."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_JsonLines())
    logger = logging.getLogger(PACKAGE)
    logger.handlers = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False
