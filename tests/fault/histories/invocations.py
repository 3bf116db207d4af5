"""Model of Lambda: invocations of the handler, and the faults inside them."""

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult

from botocore.exceptions import ConnectionClosedError, ReadTimeoutError

from lambda_handler.contract import Attribute, OwnTag
from local_aws.responses import Response
from tests.fault.histories.faults import (
    AMBIGUOUS_KINDS,
    INTERRUPTIONS,
    PERMANENT_KINDS,
    RESPONSES,
    HistoryFault,
)
from tests.fault.histories.requests import (
    ADOPT,
    FUNCTION_SECONDS,
    Request,
    iso_format,
    service_timeout_at,
    stops_adopting,
    url_expired,
)
from tests.fault.histories.stack import Stack
from tests.fault.simulation import SIGNATURE_VALUE, Call, ProcessKilled, response_violations


@dataclass(eq=False)
class Invocation:
    """One invocation of the function and its course."""

    request: Request
    faults: list[HistoryFault]
    deliveries: list[Any]
    began: float
    calls: int = 0
    writes: int = 0
    fault_count: int = 0
    interrupted: bool = False
    bodies: list[bytes] = field(default_factory=list)
    accepted: bool = False


class Invocations(Stack):
    """Delivers CloudFormation's requests to the handler and checks each invocation."""

    def __init__(self) -> None:
        self.function.connect(self.call_api, self.put_response)  # resets the clock, so first
        super().__init__()
        self.running: list[Invocation] = []
        self.violations: list[str] = []

    def deliver(
        self, request: Request | None, faults: list[HistoryFault], deliveries: list[Any]
    ) -> None:
        assert request is not None
        resource = request.resource
        if request.awaited and self.clock.now >= service_timeout_at(request.event):
            self.complete(request, None)
        latest = [r for r in self.requests if r.resource is resource and r.may_create]
        if request.may_create and latest[-1] is not request:
            resource.drifted = True
        for other in self.resources.values():
            if other is not resource and resource.physical_id and request.may_create:
                # Both resources change the same certificate.
                other.drifted |= other.physical_id == resource.physical_id
        if any(other.request is request for other in self.running):
            request.ran_concurrently = True
        if (
            request.role == "update"
            and not request.awaited
            and (
                stops_adopting(request)
                or (
                    request.event["PhysicalResourceId"] in self.manually_deleted
                    and request not in self.creators.values()
                )
            )
        ):
            request.leftover_reason = (
                request.leftover_reason or "created a certificate after the service time-out"
            )
        invocation = Invocation(request, faults, [*deliveries], self.clock.now)
        self.running.append(invocation)
        try:
            self.function(request.event, FUNCTION_SECONDS)
            ended = "returned"
        except self.function.UndeliveredError as error:
            ended = "undelivered"
            self.check(SIGNATURE_VALUE not in str(error), "an error contains the signed URL")
        except ProcessKilled:
            ended = "died"
        finally:
            self.running.pop()
        self.check_end(invocation, ended)

    def call_api(self, call: Call) -> Response:
        invocation = self.running[-1]
        numbers = invocation.calls, invocation.writes
        invocation.calls += 1
        invocation.writes += call.method != "GET"
        self.check_write(call, invocation.request)
        fault = next((fault for fault in invocation.faults if fault.affects(call, *numbers)), None)
        if fault is None:
            return self.respond(call)
        if fault.kind == "crash":
            if fault.commit:
                self.respond(call)
            raise ProcessKilled
        if fault.kind in INTERRUPTIONS:
            response = self.respond(call) if fault.commit else None
            self.interrupt(invocation, fault)
            return response or self.respond(call)
        invocation.fault_count += 1
        if fault.commit and fault.kind in AMBIGUOUS_KINDS:
            self.respond(call)
        if fault.kind == "reset":
            raise ConnectionClosedError(endpoint_url="https://apigateway.invalid")
        if fault.kind == "hang":
            self.clock.now += 15
            raise ReadTimeoutError(endpoint_url="https://apigateway.invalid")
        return RESPONSES[fault.kind]

    def check_write(self, call: Call, request: Request) -> None:
        """Check that a call changes no certificate of others, unless the resource adopts it."""
        for id in {*self.foreign, *self.released}:
            if call.method == "GET" or id not in call.path:
                continue
            updated_in_place = id in self.released and id == request.event.get("PhysicalResourceId")
            adopted = id == request.event["ResourceProperties"].get(ADOPT)
            deleted = (call.method, call.path) == ("DELETE", f"/clientcertificates/{id}")
            self.check(
                (adopted or updated_in_place) and not deleted,
                f"{call.method} {call.path}: a certificate that the stack does not own",
            )

    def respond(self, call: Call) -> Response:
        """Let API Gateway respond, and record an adoption of one of the stack's certificates."""
        response = self.api.respond(call)
        if call.method == "DELETE" and OwnTag.REQUEST in call.query.get("tagKeys", []):
            for id in self.own():
                if id in call.path:
                    self.released.add(id)
                    for request in self.requests:
                        if request.resource.physical_id == id or self.creators.get(id) is request:
                            request.leftover_reason = "its certificate was adopted"
        return response

    def interrupt(self, invocation: Invocation, fault: HistoryFault) -> None:
        """Run an interruption to its end during a call."""
        invocation.interrupted = True
        request, resource = invocation.request, invocation.request.resource
        if fault.kind == "manual delete":
            target = request.event.get("PhysicalResourceId")
            for id in {target, *self.created_by(request)} & self.own():
                self.delete_manually(str(id))
        elif fault.kind == "duplicate":
            request.ran_concurrently = True
            self.deliver(request, [], [403] if fault.lost else [])
        elif len(self.running) == 1:
            if request.may_create:
                resource.drifted = True
                request.leftover_reason = request.leftover_reason or "the next request ran first"
            if request.awaited:
                self.complete(request, None)
            elif not resource.pending and resource.physical_id:
                self.send("delete", resource, physical_id=resource.physical_id)
            if resource.pending:
                self.deliver(resource.pending, [], [])

    def put_response(self, url: SplitResult, body: bytes) -> int:
        """Act as the ResponseURL."""
        invocation = self.running[-1]
        request = invocation.request
        invocation.bodies.append(body)
        outcome = invocation.deliveries.pop(0) if invocation.deliveries else 200
        if outcome == "crash":
            raise ProcessKilled
        if outcome == "reset":
            raise ConnectionResetError(f"{url.geturl()} reset")
        if isinstance(outcome, int) and outcome != 200:
            return outcome
        if url_expired(request.event, self.clock.now):
            return 403
        if not invocation.accepted:
            invocation.accepted = True
            self.accept(request, json.loads(body))
        if outcome == "accepted, crash":
            raise ProcessKilled
        if outcome == "accepted, reset":
            raise ConnectionResetError(f"{url.geturl()} reset")
        return 200

    def accept(self, request: Request, response: dict[str, Any]) -> None:
        self.violations += response_violations(request.event, json.dumps(response).encode())
        id, data = response["PhysicalResourceId"], response["Data"]
        resource = request.resource
        if request.may_create and response["Status"] == "SUCCESS":
            found = self.api.certificates.get(id)
            if found:
                expected = {
                    Attribute.ID: id,
                    Attribute.ARN: self.api.arn(id),
                    Attribute.PEM: found.pem,
                    Attribute.CREATED: iso_format(found.created),
                    Attribute.EXPIRATION: iso_format(found.expires),
                }
                self.check(data == expected, f"attributes {data}, not {expected}")
            else:
                self.check(
                    id in self.manually_deleted | self.delete_sent_ids
                    or bool(request.leftover_reason),
                    f"no {id}",
                )
            others = {
                a["PhysicalResourceId"] for a in request.responses if a["Status"] == "SUCCESS"
            }
            agree = (
                others <= {id} or request.ran_concurrently or bool(others & self.manually_deleted)
            )
            # A request that returns to an earlier certificate cannot know of later ones.
            agree = agree or (resource.drifted and stops_adopting(request))
            self.check(bool(agree or request.leftover_reason), f"IDs differ: {others} and {id}")
        if request.role in ("delete", "cleanup"):
            self.check(id == request.event["PhysicalResourceId"], f"a Delete returned {id}")
        request.responses.append(response)
        if request.awaited:
            self.complete(request, response)

    def check_end(self, invocation: Invocation, ended: str) -> None:
        request = invocation.request
        self.check(len(set(invocation.bodies)) <= 1, "one invocation sent different responses")
        if ended == "returned":
            self.check(invocation.accepted, "returned without delivering a response")
        if ended == "died" or not invocation.bodies:
            return
        response = json.loads(invocation.bodies[0])
        must_succeed = (
            invocation.fault_count <= 2
            and not invocation.interrupted
            and not any(fault.kind in PERMANENT_KINDS for fault in invocation.faults)
            and not self.api.in_use
            and not url_expired(request.event, invocation.began)
            and not (request.may_create and invocation.began >= service_timeout_at(request.event))
            and request.event["ResourceProperties"].get(ADOPT) in {None, *self.api.certificates}
        )
        self.check(
            response["Status"] == "SUCCESS" or not must_succeed,
            f"{request.role} FAILED without a cause: {response['Reason']}",
        )

    def check(self, holds: bool, violation: str) -> None:
        """Record a violation; the handler would turn an AssertionError into a FAILED response."""
        if not holds:
            self.violations.append(violation)
