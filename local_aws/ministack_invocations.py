"""Runs asynchronous invocations of Lambda functions in `ministack`, and keeps their outcomes."""

import contextvars
import json
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from importlib import import_module
from typing import Any, Final

from .invocations import Invocation

__all__ = ["Invoker"]

RETRIES: Final = 2


class Invoker:
    """Starts asynchronous invocations. Safe to call from several threads."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(thread_name_prefix="invoker")
        self._started: list[Future[Invocation]] = []
        self._lock = threading.Lock()

    def start(self, time: datetime, source: str, function: str, payload: str) -> None:
        """Start an invocation in the account and Region of the current request.

        As Lambda does, retry a failed run twice, or as often as the function's event invoke
        configuration says; but at once, rather than after one and two minutes.

        Args:
            time: See `Invocation`, as for the others.
            source: The ARN of the schedule or rule.
            function: The ARN of the function.
            payload: The event, as JSON.
        """
        context = contextvars.copy_context()
        future = self._executor.submit(context.run, _run, time, source, function, payload)
        with self._lock:
            self._started.append(future)

    def refuse(self, time: datetime, source: str, function: str, reason: str) -> None:
        """Record an invocation that could not be started."""
        future = Future[Invocation]()
        future.set_result(Invocation(time, source, function, None, 0, error=reason))
        with self._lock:
            self._started.append(future)

    def wait(self) -> list[Invocation]:
        """Wait for all invocations, and return those that no earlier call has returned.

        What these invocations start in turn is waited for, too.
        """
        finished: list[Invocation] = []
        while True:
            with self._lock:
                started, self._started = self._started, []
            if not started:
                return finished
            finished += [future.result() for future in started]


def _run(time: datetime, source: str, function: str, payload: str) -> Invocation:
    service: Any = import_module("ministack.services.lambda_svc")
    try:
        event = json.loads(payload)
    except ValueError:
        return Invocation(time, source, function, payload, 0, error=f"{payload!r} is not JSON")
    record, config, _ = service._get_func_record_for_ref(function)
    if not record or not config:
        return Invocation(time, source, function, event, 0, error=f"{function} does not exist")
    qualifier = function.split(":")[7] if function.count(":") == 7 else None
    settings = service._event_invoke_config(record, qualifier) or {}
    logs: list[str] = []
    for attempt in range(1, settings.get("MaximumRetryAttempts", RETRIES) + 2):
        try:
            outcome = service._execute_function(record | {"config": config}, event)
        except Exception as error:
            outcome = {"error": True, "body": {"errorMessage": repr(error)}}
        logs.append(outcome.get("log") or "")
        if not outcome.get("error"):
            result = outcome.get("body")
            return Invocation(
                time, source, function, event, attempt, result=result, log="\n".join(logs)
            )
    body = outcome.get("body")
    reason = body.get("errorMessage") if isinstance(body, dict) else None
    return Invocation(
        time, source, function, event, attempt, error=reason or str(body), log="\n".join(logs)
    )
