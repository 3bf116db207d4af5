"""crhelper's wiring, what makes up for its faults, and the only global state: the client.

crhelper 2.0.12 calls the function of the request's type and turns its end into a status, a reason
and a physical ID. Everything else about it that could lose an answer or send two is overridden
in `OneAnswer`, with the reason at each.
"""

import os
import queue
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

from crhelper import FAILED, SUCCESS, CfnResource

from . import certificate, log
from .api_gateway import CALL_SECONDS, ApiGateway, make_client
from .log import Log
from .request import placeholder, read

log.configure()
CLIENT: Final = make_client(CALL_SECONDS)
"""Built while Lambda initialises the function, when the processor is at full speed."""

Data = dict[str, str]


def answer(event: Mapping[str, Any], context: Any) -> Mapping[str, Any]:
    """The one answer to a request whose envelope `main` has checked."""
    helper = OneAnswer(context.get_remaining_time_in_millis() / 1000)
    # A copy of known keys: crhelper takes some of its own, "CrHelperData" say, from the event.
    helper({name: event[name] for name in EVENT_KEYS if name in event}, context)
    return helper.answer


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


class OneAnswer(CfnResource):
    """A `CfnResource` for one request, whose answer it keeps in `answer`.

    One instance a request, not one a process: crhelper's keeps `NoEcho`, an init failure, the
    last ResponseURL and more from one request to the next of a warm process.
    """

    _event: Mapping[str, Any]
    _context: Any
    RequestType: str

    def __init__(self, seconds: float) -> None:
        # crhelper's own switch: without it, three clients for a polling that nothing here uses
        # are built at every cold start.
        os.environ["AWS_SAM_LOCAL"] = "true"
        # Its defaults log the signed ResponseURL (DEBUG) and hold each Delete for two minutes.
        super().__init__(log_level="INFO", sleep_on_delete=0)
        for register in (self.create, self.update, self.delete):
            register(self._act)  # a type without a function would be answered SUCCESS
        self.answer: dict[str, Any] = {}
        # The last part of the time is for the answer, however much of it there is.
        self._seconds = seconds - min(30.0, seconds / 4)
        self._grace = min(5.0, seconds / 16)

    def _act(self, event: Mapping[str, Any], _context: Any) -> Any:
        request = read(event)
        fields = {
            "request_id": request.request_id,
            "stack_id": request.stack_id,
            "logical_id": request.logical_id,
            "request_type": request.type,
        }
        call_seconds = min(CALL_SECONDS, self._seconds / 3)
        client = CLIENT if call_seconds == CALL_SECONDS else make_client(call_seconds)
        api = ApiGateway(client, self._seconds, call_seconds, Log(fields))
        return certificate.fulfil(api, request, self._remember)

    def _remember(self, id: str) -> None:
        # crhelper invents an ID for a Create that ends in an exception, and CloudFormation's
        # Delete would then not know what to delete.
        self.PhysicalResourceId = id

    def _set_timeout(self) -> None:
        """No timer: crhelper's answers without an ID, half a second before the end, and the main
        thread answers again afterwards. `_wrap_function` watches the time instead."""

    def _wrap_function(self, func: Callable[..., Data]) -> None:
        """Run the function beside this thread, which alone ever answers, and in time.

        A call that hangs beyond all its time-outs cannot hold the answer up. The abandoned thread
        starts no further call, since its `ApiGateway` is past its deadline.
        """
        event = self._event
        known = event.get("PhysicalResourceId") if self.RequestType != "Create" else None
        self.PhysicalResourceId = str(known or placeholder(self.RequestId))
        ended: queue.SimpleQueue[Data | BaseException] = queue.SimpleQueue()

        def run() -> None:
            try:
                ended.put(func(event, self._context))
            except BaseException as error:
                ended.put(error)

        threading.Thread(target=run, daemon=True).start()
        try:
            result = ended.get(timeout=self._seconds + self._grace)
        except queue.Empty:
            result = TimeoutError("API Gateway did not answer within the function's time")
        if isinstance(result, Exception):
            self.Status, self.Reason = FAILED, str(result)
        elif isinstance(result, BaseException):
            raise result
        else:
            self.Status, self.Data = SUCCESS, result

    def _send(self, status: str | None = None, reason: str = "", **_: Any) -> None:
        """Keep the first answer and send nothing: `main` delivers it.

        crhelper takes a 403 or 503 for delivered, waits without a time-out, cuts off the beginning
        of a long reason, and sends what CloudFormation refuses for its length. `main` does not,
        and can do so even when this module cannot be imported.
        """
        self.answer = self.answer or {
            "Status": status or self.Status,
            "Reason": reason or self.Reason,
            "PhysicalResourceId": self.PhysicalResourceId,
            "StackId": self.StackId,
            "RequestId": self.RequestId,
            "LogicalResourceId": self.LogicalResourceId,
            "Data": self.Data,
        }
