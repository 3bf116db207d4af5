"""Adapts crhelper: one response per request, with workarounds for its bugs.

crhelper 2.0.12 calls the function for the request's type and turns its outcome into a status, a
reason and a physical ID. `CustomResource` overrides what could lose a response or send two, and
says why in each place. The only state that outlives a request is the boto3 client.
"""

import contextvars
import logging
import os
import queue
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

from crhelper import FAILED, SUCCESS, CfnResource

from . import certificate, deletion, log, physical_id
from .api_gateway import ApiGateway
from .calls import CALL_SECONDS, Caller, make_client
from .contract import ROTATING_RESOURCE_TYPE
from .deadline import Deadline
from .errors import OutOfTimeError, RequestError
from .invocation import Invocation
from .request import read

log.configure()
logger = logging.getLogger(__name__)

# Created and kept while Lambda initializes the function, when the processor is at full speed.
make_client("apigateway", CALL_SECONDS)

Attributes = dict[str, str]
Operations = Mapping[str, Callable[[Invocation], Attributes]]

OPERATIONS: Final[Operations] = {
    "Create": certificate.create,
    "Update": certificate.update,
    "Delete": deletion.delete,
}
LOOK_UP_OPERATIONS: Final[Operations] = {
    "Create": certificate.look_up,
    "Update": certificate.look_up,
    "Delete": lambda _: {},  # what is only read is never deleted
}
EVENT_KEYS: Final = (
    "RequestType",
    "ResponseURL",
    "StackId",
    "RequestId",
    "ResourceType",
    "LogicalResourceId",
    "PhysicalResourceId",
    "ResourceProperties",
    "OldResourceProperties",
)


def respond(event: Mapping[str, Any], context: Any) -> Mapping[str, Any]:
    """Return the response to a request whose envelope `main` has checked."""
    resource = CustomResource(context.get_remaining_time_in_millis() / 1000)
    # A copy of known keys: crhelper reads some of its own, such as "CrHelperData", from the event.
    resource({name: event[name] for name in EVENT_KEYS if name in event}, context)
    return resource.response


class CustomResource(CfnResource):
    """A `CfnResource` for one request, which keeps its response in `response`.

    One instance a request rather than one a process: crhelper carries `NoEcho`, an init failure,
    the last ResponseURL and more from one request of a warm process to the next.
    """

    _event: Mapping[str, Any]
    _context: Any
    RequestType: str

    def __init__(self, seconds: float) -> None:
        # crhelper's own switch. Without it, every cold start creates three clients for polling,
        # which nothing here uses.
        os.environ["AWS_SAM_LOCAL"] = "true"
        # crhelper's defaults log the signed ResponseURL and delay each Delete by two minutes.
        super().__init__(log_level="INFO", sleep_on_delete=0)
        for register in (self.create, self.update, self.delete):
            register(self._carry_out)  # crhelper responds SUCCESS to a type without a function
        self.response: dict[str, Any] = {}
        # The rest of the time is for the response: 30 s, or a quarter if that is less.
        self._seconds = seconds - min(30.0, seconds / 4)
        self._grace = min(5.0, seconds / 16)

    def _carry_out(self, event: Mapping[str, Any], _context: Any) -> Any:
        log.request_fields.set(
            {
                "request_id": event["RequestId"],
                "stack_id": event["StackId"],
                "logical_id": event["LogicalResourceId"],
                "request_type": event["RequestType"],
            }
        )
        call_seconds = min(CALL_SECONDS, self._seconds / 3)
        deadline = Deadline(self._seconds, call_seconds)
        caller = Caller(deadline, call_seconds)
        api = ApiGateway(caller)
        if event.get("ResourceType") == ROTATING_RESOURCE_TYPE:
            from .rotation import resource, services  # only the rotation's function needs them

            return resource.carry_out_request(event, api, services.Services(caller), deadline)
        request = read(event)
        operations = LOOK_UP_OPERATIONS if request.looks_up else OPERATIONS
        return operations[request.type](Invocation(request, api, deadline, self._set_physical_id))

    def _set_physical_id(self, id: str) -> None:
        # crhelper invents an ID for a Create that ends in an exception, and the Delete that
        # CloudFormation sends then would not know what to delete.
        self.PhysicalResourceId = id

    def _set_timeout(self) -> None:
        """Start no timer: `_wrap_function` watches the time instead.

        crhelper's timer responds without an ID half a second before the time-out, and its main
        thread responds again afterwards.
        """

    def _wrap_function(self, func: Callable[..., Attributes]) -> None:
        """Run the function in another thread, so that this one can respond in time.

        A call that hangs beyond all its time-outs cannot hold up the response. The abandoned
        thread is past its deadline and starts no further call, but the call in which it hangs may
        still take effect (docs/design/failure-modes.md, "What can still happen").
        """
        known = self._event.get("PhysicalResourceId") if self.RequestType != "Create" else None
        self.PhysicalResourceId = str(known or physical_id.of_request(self.RequestId))
        outcome: queue.SimpleQueue[Attributes | BaseException] = queue.SimpleQueue()

        def run() -> None:
            try:
                outcome.put(func(self._event, self._context))
            except RequestError as error:
                outcome.put(error)
            except BaseException as error:
                logger.exception("unexpected error")
                outcome.put(error)

        thread = threading.Thread(target=contextvars.copy_context().run, args=(run,), daemon=True)
        thread.start()
        try:
            result = outcome.get(timeout=self._seconds + self._grace)
        except queue.Empty:
            result = OutOfTimeError(
                "API Gateway did not respond within the function's time: deploy again"
            )
        match result:
            case dict():
                self.Status, self.Data = SUCCESS, result
            case RequestError():
                self.Status, self.Reason = FAILED, str(result)
            case Exception():
                self.Status = FAILED
                self.Reason = f"unexpected {type(result).__name__}: {result}"
            case _:
                raise result

    def _send(self, status: str | None = None, reason: str = "", **_: Any) -> None:
        """Keep the first response and send nothing: `main` delivers it.

        crhelper counts a 403 or 503 as delivered, waits without a time-out, cuts off the beginning
        of a long reason, and sends what CloudFormation refuses for its length. `main` does not,
        and delivers even when this module cannot be imported.
        """
        self.response = self.response or {
            "Status": status or self.Status,
            "Reason": reason or self.Reason,
            "PhysicalResourceId": self.PhysicalResourceId,
            "StackId": self.StackId,
            "RequestId": self.RequestId,
            "LogicalResourceId": self.LogicalResourceId,
            "Data": self.Data,
        }
