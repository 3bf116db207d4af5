"""The function's entry: an event in, exactly one answer delivered to CloudFormation.

This module imports the standard library only and guards its import of the rest, so that even a
package that cannot be imported is answered: CloudFormation would otherwise wait for an hour.
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
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit, urlunsplit

logger = logging.getLogger(__name__)

# What an import makes is there to stay: looking for garbage in it is a tenth of a cold start.
gc.disable()
try:
    # Before crhelper imports it: CPython keeps its frames in chunks of 16 KB, and a large import
    # that runs far down the stack maps and unmaps a chunk at every call that crosses an edge.
    import boto3  # noqa: F401

    from . import custom_resource

    IMPORT_ERROR = None
except Exception as error:
    logger.exception("the function's code cannot be imported")
    IMPORT_ERROR = f"{type(error).__name__}: {error}"
gc.freeze()
gc.enable()

DELIVERY_PAUSES: Final = (0.5, 1.0, 2.0, 4.0)
"""Seconds between the tries to deliver: five tries, then Lambda redelivers the event."""
DELIVERY_TIMEOUT: Final = 5.0
"""Seconds that one try may wait for the network."""
DELIVERY_MARGIN: Final = 0.5
"""Seconds before the function's time-out in which nothing is started any more."""

_REQUEST_TYPES: Final = ("Create", "Update", "Delete")
_ENVELOPE: Final = ("StackId", "RequestId", "LogicalResourceId")
_MAX_LENGTHS: Final = {**dict.fromkeys(_ENVELOPE, 600), "PhysicalResourceId": 1024}
"""Bytes of these in an answer, of whose 4,096 they leave enough for the rest."""
MAX_REASON: Final = 1000
"""Bytes of a Reason as it is sent; CloudFormation's events show about as many."""
MAX_RESPONSE: Final = 4096
"""Bytes of a response. Source: CloudFormation user guide, "Custom resource response objects"."""


class UnanswerableError(Exception):
    """The event names no place to send an answer to."""


class UndeliveredError(Exception):
    """CloudFormation did not take the answer. Raised, so that Lambda redelivers the event."""


def handler(event: Any, context: Any) -> None:
    """Answer one custom resource request; return once the answer is delivered.

    After a delivered answer this returns normally, always: Lambda redelivers an event that ended
    in an error, and a Create that is redelivered after CloudFormation's Delete would leave a
    certificate behind.

    Raises `UnanswerableError` for an event without a usable `ResponseURL`, and `UndeliveredError`.
    Source: CloudFormation user guide, "Custom resource request objects" and "response objects".
    """
    end = time.monotonic() + context.get_remaining_time_in_millis() / 1000
    url = _response_url(event)
    answer = _fitting(_answer(event, context))
    _deliver(url, answer, end - DELIVERY_MARGIN)


def _answer(event: Mapping[str, Any], context: Any) -> Mapping[str, Any]:
    if IMPORT_ERROR is not None:
        return _failed(event, f"the function's code cannot be imported: {IMPORT_ERROR}")
    if event.get("RequestType") not in _REQUEST_TYPES:
        return _failed(
            event, f"request type {event.get('RequestType')!r}: use one of {_REQUEST_TYPES}"
        )
    for name in _ENVELOPE:
        if not isinstance(event.get(name), str) or not event[name]:
            return _failed(event, f"{name} {event.get(name)!r}: a non-empty string is needed")
    for name, length in _MAX_LENGTHS.items():
        if _shorten(event.get(name), length) != str(event.get(name) or ""):
            return _failed(event, f"{name} takes more than {length} bytes")
    try:
        return custom_resource.answer(event, context)
    except Exception as error:
        logger.exception("unexpected error")
        return _failed(event, f"unexpected {type(error).__name__}: {error}")


def _failed(event: Mapping[str, Any], reason: str) -> Mapping[str, Any]:
    """The plainest FAILED, for what never reaches `custom_resource`."""
    told = {name: _shorten(event.get(name), length) for name, length in _MAX_LENGTHS.items()}
    return {
        **told,
        "Status": "FAILED",
        "Reason": reason,
        "PhysicalResourceId": told["PhysicalResourceId"] or f"request:{told['RequestId']}",
    }


def _fitting(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """The answer within what CloudFormation takes; crhelper sends it however long it is.

    A reason keeps its beginning, which says the most. An answer that is too long all the same is
    FAILED with its real ID, so that the rollback deletes the certificate.
    """
    answer = {**answer, "Reason": _shorten(answer["Reason"], MAX_REASON)}
    length = len(json.dumps(answer))
    if length <= MAX_RESPONSE:
        return answer
    reason = f"the response has {length} bytes: CloudFormation takes {MAX_RESPONSE}"
    return {**answer, "Status": "FAILED", "Reason": reason, "Data": {}}


def _shorten(value: object, length: int) -> str:
    """The beginning of a text that takes no more than `length` bytes in the answer, escaped."""
    text = str(value or "")
    while len(json.dumps(text)) - len('""') > length:
        text = text[: min(len(text), length) * 9 // 10]
    return text


def _response_url(event: Any) -> SplitResult:
    """The event's signed URL. It is a secret: no error and no log line holds any part of it."""
    url = event.get("ResponseURL") if isinstance(event, dict) else None
    usable = isinstance(url, str) and url.isascii() and url.isprintable() and " " not in url
    try:
        parts = urlsplit(str(url) if usable else "")
        if parts.scheme == "https" and parts.hostname and parts.port != 0:
            return parts
    except ValueError:
        pass
    raise UnanswerableError(
        "the event has no https ResponseURL, so it cannot be answered: "
        "invoke this function through CloudFormation"
    )


def _deliver(url: SplitResult, answer: Mapping[str, Any], deadline: float) -> None:
    body = json.dumps(answer).encode()
    told = {
        "request_id": answer["RequestId"],
        "stack_id": answer["StackId"],
        "logical_id": answer["LogicalResourceId"],
        "physical_id": answer["PhysicalResourceId"],
        "status": answer["Status"],
        "reason": answer["Reason"],
    }
    outcome = "no time was left"
    for attempt, pause in enumerate((0.0, *DELIVERY_PAUSES), start=1):
        if deadline - time.monotonic() <= pause:
            break
        time.sleep(pause)
        try:
            status = _put(url, body, min(DELIVERY_TIMEOUT, deadline - time.monotonic()))
        except Exception as error:  # its text may hold the URL: only its type is told
            outcome, status = type(error).__name__, None
        else:
            outcome = f"HTTP status {status}"
        delivered = status is not None and 200 <= status < 300
        logger.log(
            logging.INFO if delivered else logging.WARNING,
            "answer delivered" if delivered else "answer not delivered",
            extra={"fields": {**told, "attempt": attempt, "outcome": outcome}},
        )
        if delivered:
            return
        if status is not None and status < 500:
            break  # refused, an expired signature say, or redirected: trying again cannot help
    raise UndeliveredError(f"CloudFormation did not take the answer: {outcome}") from None


def _put(url: SplitResult, body: bytes, timeout: float) -> int:
    connection = http.client.HTTPSConnection(
        url.hostname or "", url.port, timeout=timeout, context=ssl.create_default_context()
    )
    # The time-out bounds each wait for the network; this bounds the whole, should bytes drip in.
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
    with contextlib.suppress(OSError, AttributeError):  # not connected yet, or not any more
        connection.sock.shutdown(socket.SHUT_RDWR)
