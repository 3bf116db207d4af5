"""The function's entry: an event in, exactly one response delivered to CloudFormation.

This module imports the standard library only and guards its import of the rest, so that it
responds even if the rest cannot be imported. CloudFormation would otherwise wait until the
resource's time-out. An event that is a task needs no response: it raises if it fails.
"""

import contextlib
import gc
import http.client
import json
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit, urlunsplit

from . import physical_id

logger = logging.getLogger(__name__)

# The imports leave almost no garbage, and looking for it takes a tenth of a cold start.
gc.disable()
try:
    # Before crhelper imports it, deep down the stack. CPython keeps its frames in chunks of 16 KB,
    # and an import that starts near the end of one maps and unmaps the next one at every call.
    import boto3  # noqa: F401

    from . import custom_resource

    IMPORT_ERROR: Exception | None = None
except Exception as error:
    logger.exception("the function's code cannot be imported")
    IMPORT_ERROR = error
gc.freeze()
gc.enable()

DELIVERY_DELAYS: Final = (0.0, 0.5, 1.0, 2.0, 4.0)
"""Seconds before each attempt to deliver. After the last one, Lambda redelivers the event."""
DELIVERY_TIMEOUT: Final = 5.0
"""Seconds that one attempt may take."""
DELIVERY_MARGIN: Final = 0.5
"""Seconds before the function's time-out from which no attempt to deliver starts."""

_REQUEST_TYPES: Final = ("Create", "Update", "Delete")
_ENVELOPE: Final = ("StackId", "RequestId", "LogicalResourceId")
_MAX_LENGTHS: Final = {**dict.fromkeys(_ENVELOPE, 600), "PhysicalResourceId": 1024}
"""The most bytes of each, so that the rest of a response of 4,096 bytes has room."""
MAX_REASON: Final = 1000
"""The most bytes of a Reason. CloudFormation's events show about as many."""
MAX_RESPONSE: Final = 4096
"""The most bytes of a response.

Source: CloudFormation user guide, "Custom resource response objects".
"""


class UnanswerableError(Exception):
    """The event does not say where to send a response."""


class UndeliveredError(Exception):
    """CloudFormation did not accept the response. Raised, so that Lambda redelivers the event."""


def handler(event: Any, context: Any) -> None:
    """Respond to one custom resource request, or carry out one task.

    Returns normally once the response is delivered, always: Lambda redelivers an event that ended
    in an error, and a Create that is redelivered after CloudFormation's Delete would leave a
    certificate behind.

    Source: CloudFormation user guide, "Custom resource request objects" and "response objects".

    Raises:
        UnanswerableError: The event has no usable `ResponseURL`, and is no task.
        UndeliveredError: CloudFormation did not accept the response.
        Exception: A task failed.
    """
    if task := _task(event):
        if IMPORT_ERROR is not None:
            raise IMPORT_ERROR
        task(event, context)
        return
    end = time.monotonic() + context.get_remaining_time_in_millis() / 1000
    url = _response_url(event)
    _deliver(url, _fit_response(_respond(event, context)), end - DELIVERY_MARGIN)


def _task(event: Any) -> Callable[[Mapping[str, Any], Any], None] | None:
    """Return the function that carries out a task, None for any other event.

    The tasks are imported here because no deploy needs them. If an import fails, so does the
    invocation.
    """
    match event:
        case {"ResponseURL": _}:
            return None
        case {"task": "monitor"}:
            from . import monitor

            return monitor.run
        case {"task": "rotate"}:
            from .rotation import task

            return task.run
    return None


def _response_url(event: Any) -> SplitResult:
    """Return the event's signed URL. It is a secret: no error or log line contains part of it."""
    url = event.get("ResponseURL") if isinstance(event, dict) else None
    usable = isinstance(url, str) and url.isascii() and url.isprintable() and " " not in url
    try:
        parts = urlsplit(str(url) if usable else "")
        if parts.scheme == "https" and parts.hostname and parts.port != 0:
            return parts
    except ValueError:
        pass
    raise UnanswerableError(
        "the event has no https ResponseURL, so there is nowhere to send a response: "
        "invoke this function through CloudFormation, or with a task that it knows"
    )


def _respond(event: Mapping[str, Any], context: Any) -> Mapping[str, Any]:
    if IMPORT_ERROR is not None:
        cause = f"{type(IMPORT_ERROR).__name__}: {IMPORT_ERROR}"
        return _failed(event, f"the function's code cannot be imported: {cause}")
    if event.get("RequestType") not in _REQUEST_TYPES:
        return _failed(
            event, f"RequestType must be one of {_REQUEST_TYPES}, not {event.get('RequestType')!r}"
        )
    for name in _ENVELOPE:
        if not isinstance(event.get(name), str) or not event[name]:
            return _failed(event, f"{name} must be a non-empty string, not {event.get(name)!r}")
    for name, length in _MAX_LENGTHS.items():
        if _shorten(event.get(name), length) != str(event.get(name) or ""):
            return _failed(event, f"{name} has more than {length} bytes")
    try:
        return custom_resource.respond(event, context)
    except Exception as error:
        logger.exception("unexpected error")
        return _failed(event, f"unexpected {type(error).__name__}: {error}")


def _failed(event: Mapping[str, Any], reason: str) -> Mapping[str, Any]:
    """Return a FAILED response without the help of `custom_resource`."""
    ids = {name: _shorten(event.get(name), length) for name, length in _MAX_LENGTHS.items()}
    return {
        **ids,
        "Status": "FAILED",
        "Reason": reason,
        "PhysicalResourceId": ids["PhysicalResourceId"] or physical_id.of_request(ids["RequestId"]),
    }


def _fit_response(response: Mapping[str, Any]) -> Mapping[str, Any]:
    """Make a response as short as CloudFormation requires, which crhelper does not.

    A long Reason keeps its beginning, which says the most. A response that is still too long
    becomes FAILED with the real physical ID, so that the rollback deletes the certificate.
    """
    response = {**response, "Reason": _shorten(response["Reason"], MAX_REASON)}
    length = len(json.dumps(response))
    if length <= MAX_RESPONSE:
        return response
    reason = f"the response has {length} bytes, and CloudFormation accepts {MAX_RESPONSE}"
    return {**response, "Status": "FAILED", "Reason": reason, "Data": {}}


def _shorten(value: object, length: int) -> str:
    """Return the beginning of a text that has at most `length` bytes as JSON."""
    text = str(value or "")
    while len(json.dumps(text)) - len('""') > length:
        text = text[: min(len(text), length) * 9 // 10]
    return text


def _deliver(url: SplitResult, response: Mapping[str, Any], deadline: float) -> None:
    body = json.dumps(response).encode()
    fields = {
        "request_id": response["RequestId"],
        "stack_id": response["StackId"],
        "logical_id": response["LogicalResourceId"],
        "physical_id": response["PhysicalResourceId"],
        "status": response["Status"],
        "reason": response["Reason"],
    }
    outcome = "no time was left"
    for attempt, delay in enumerate(DELIVERY_DELAYS, start=1):
        if deadline - time.monotonic() <= delay:
            break
        time.sleep(delay)
        try:
            status = _put(url, body, min(DELIVERY_TIMEOUT, deadline - time.monotonic()))
        except Exception as error:  # its text may contain the URL, so only its type is logged
            outcome, status = type(error).__name__, None
        else:
            outcome = f"HTTP status {status}"
        delivered = status is not None and 200 <= status < 300
        logger.log(
            logging.INFO if delivered else logging.WARNING,
            "response delivered" if delivered else "response not delivered",
            extra={**fields, "attempt": attempt, "outcome": outcome},
        )
        if delivered:
            return
        if status is not None and status < 500:
            break  # refused or redirected, as with an expired signature: a retry cannot help
    raise UndeliveredError(f"CloudFormation did not accept the response: {outcome}") from None


def _put(url: SplitResult, body: bytes, timeout: float) -> int:
    connection = http.client.HTTPSConnection(
        url.hostname or "", url.port, timeout=timeout, context=ssl.create_default_context()
    )
    # The time-out bounds each read. The timer bounds the whole request, in case the response
    # arrives byte by byte.
    end = threading.Timer(timeout, _hang_up, [connection])
    end.daemon = True
    end.start()
    try:
        target = urlunsplit(("", "", url.path or "/", url.query, ""))
        # The URL is signed for an empty content type.
        connection.request("PUT", target, body, {"Content-Type": ""})
        return connection.getresponse().status
    finally:
        end.cancel()
        connection.close()


def _hang_up(connection: http.client.HTTPSConnection) -> None:
    with contextlib.suppress(OSError, AttributeError):  # not connected yet, or no longer
        connection.sock.shutdown(socket.SHUT_RDWR)
