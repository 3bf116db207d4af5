"""Histories of a stack under faults, drawn by hypothesis and checked against a model.

The model is CloudFormation and Lambda: what CloudFormation knows of each resource, which request
it sends next, and who delivers which event again. API Gateway and ResponseURL fail in any call.
What must hold, whatever the history:

* no certificate that CloudFormation knows is missing, unless somebody deleted it by hand;
* none is left when the stack is gone, but for those of `Request.excused`, which carry its tags;
* no foreign certificate is touched, unless the template adopts it;
* what was adopted once is never deleted;
* each invocation gives one response, and all SUCCESSes of one request agree on the ID, unless two
  deliveries ran at the same time, which none can know of;
* one request has one certificate at a time, unless its deliveries ran at the same time;
* a delivery with no more than two faulty calls succeeds: FAILED needs a reason.

`HISTORIES=nightly` runs ten times as many, at random.
"""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal
from urllib.parse import SplitResult

import pytest
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from lambda_handler import api_gateway
from lambda_handler.contract import Attribute, OwnTag
from lambda_handler.request import validity
from local_aws.certificate_store import Certificate
from local_aws.responses import Response
from tests.fault import fakes
from tests.fault.environment import STACK_ID
from tests.fault.simulation import (
    SIGNATURE_VALUE,
    Call,
    ProcessKilled,
    SimulatedApiGateway,
    SimulatedFunction,
    response_url,
    response_violations,
    simulated_function,
)

QUIET: dict[str, Any] = {
    "deadline": None,
    "stateful_step_count": 20,
    "suppress_health_check": list(HealthCheck),
}
# Each is run for both forms of the list.
settings.register_profile("histories", max_examples=100, derandomize=True, **QUIET)
settings.register_profile(
    "histories-nightly", max_examples=1000, derandomize=False, print_blob=True, **QUIET
)
PROFILE = settings.get_profile(
    "histories-nightly" if os.environ.get("HISTORIES") == "nightly" else "histories"
)

OTHER_STACK = "arn:aws:cloudformation:us-east-1:123456789012:stack/Other/9b7c2f10-0000"
LOGICAL_IDS = ("CertificateA", "CertificateB")
FOREVER = 10_000
FUNCTION_SECONDS = 120.0
"""Less than the real 300, since each second of patience costs calls; all proportions hold."""
LIFE = timedelta(hours=2)
"""How long a ResponseURL is good."""
SERVICE_TIMEOUT = timedelta(minutes=20)
"""How long CloudFormation listens."""
ADOPT = "AdoptClientCertificateId"

RESPONSES = {
    "throttled": fakes.THROTTLED,
    "quota": fakes.QUOTA_FULL,
    "conflict": fakes.CONFLICT,
    "denied": fakes.DENIED,
    "unauthorized": fakes.UNAUTHORIZED,
    "server error": fakes.SERVER_ERROR,
    "unavailable": fakes.UNAVAILABLE,
    "refused": fakes.error(400, "BadRequestException"),
}
AMBIGUOUS_KINDS = ("server error", "unavailable", "reset", "hang")
"""The faults that may come after the call took effect."""
PERMANENT_KINDS = ("refused",)
INTERRUPTIONS = ("twin", "overtaken", "by hand")


@dataclass
class HistoryFault:
    """What happens to the calls `at` to `at + times - 1` of an invocation.

    Besides errors: "crash"; and, inside the call, once, "twin" (a second delivery of the event runs
    to its end), "overtaken" (CloudFormation's next request does) and "by hand" (somebody deletes
    the certificate). `commit`: the call takes effect first. `writes`: reads do not count. `lost`:
    the twin's response is.
    """

    kind: str
    at: int
    times: int = 1
    commit: bool = False
    writes: bool = False
    lost: bool = False

    def hits(self, call: Call, calls: int, writes: int) -> bool:
        if self.writes and call.method == "GET":
            return False
        times = 1 if self.kind in ("crash", *INTERRUPTIONS) else self.times
        return self.at <= (writes if self.writes else calls) < self.at + times


faults = st.lists(
    st.builds(
        HistoryFault,
        kind=st.sampled_from([*RESPONSES, "reset", "hang", "crash", "crash", *INTERRUPTIONS]),
        at=st.integers(0, 5),
        times=st.sampled_from([1, 1, 2, 4, FOREVER]),
        commit=st.booleans(),
        writes=st.booleans(),
    ),
    max_size=3,
)
deliveries = st.lists(
    st.sampled_from([503, 503, 403, 302, "reset", "taken, reset", "crash", "taken, crash"]),
    max_size=6,
)
interruptions = st.builds(
    HistoryFault,
    kind=st.sampled_from(INTERRUPTIONS),
    at=st.integers(0, 3),
    commit=st.booleans(),
    writes=st.booleans(),
    lost=st.booleans(),
)
TWIN = HistoryFault("twin", at=0, writes=True)
LOST_TWIN = HistoryFault("twin", at=0, writes=True, lost=True)
CRASH = HistoryFault("crash", at=0, writes=True, commit=True)
AMBIGUOUS = HistoryFault("server error", at=0, writes=True, commit=True)
HALF_WAY = HistoryFault("refused", at=1, times=FOREVER, writes=True)
IN_VAIN = HistoryFault("throttled", at=0, times=FOREVER)
descriptions = st.sampled_from([None, "", "backend", "größer"])
tags = st.dictionaries(
    st.sampled_from(["team", "stage", "cost:center"]), st.sampled_from(["", "edge", "core"])
)
nth = st.integers(0, 1000)
adoptions = st.sampled_from([None, None, None, "foreign", "of the other resource"])


@dataclass(eq=False)
class Request:
    """One request of CloudFormation's, however often Lambda delivers it."""

    role: Literal["create", "update", "replace", "delete", "clean"]
    event: dict[str, Any]
    resource: "Resource"
    responses: list[dict[str, Any]] = field(default_factory=list)
    awaited: bool = True
    """CloudFormation still listens: no answer came, and it has not given up."""
    over: bool = False
    """A Delete of what this request made has been sent."""
    swept: bool = False
    """And has succeeded."""
    raced: bool = False
    """Two deliveries ran at the same time."""
    undoes: bool = False
    """It rolls back an Update that had succeeded: what that one replaced is not deleted then."""
    excused: str = ""
    """Why this request may leave a certificate behind: the handler cannot know of it."""

    @property
    def id(self) -> str:
        return str(self.event["RequestId"])

    @property
    def makes(self) -> bool:
        return self.role in ("create", "update", "replace")


@dataclass(eq=False)
class Resource:
    """What CloudFormation knows of one resource of the stack."""

    logical_id: str
    physical_id: str | None = None
    properties: dict[str, Any] = field(default_factory=dict)
    pending: Request | None = None
    garbage: list[str] = field(default_factory=list)
    """Physical IDs that were replaced and are still to be deleted."""
    undo: dict[str, Any] | None = None
    """The properties before the last Update, until what it replaced is deleted."""
    drifted: bool = False
    """A request that CloudFormation had given up on ran after, or while, a later one did."""


@dataclass(eq=False)
class DeliveryRecord:
    """One invocation of the function, and what happened in it."""

    request: Request
    faults: list[HistoryFault]
    deliveries: list[Any]
    began: float
    calls: int = 0
    writes: int = 0
    faulty: int = 0
    interrupted: bool = False
    bodies: list[bytes] = field(default_factory=list)
    taken: bool = False


class Histories(RuleBasedStateMachine):
    """A stack with two logical IDs, in an api where others have certificates too."""

    function: SimulatedFunction
    tags_in_list: bool

    def __init__(self) -> None:
        super().__init__()
        self.api = SimulatedApiGateway(self.function.clock, tags_in_list=self.tags_in_list)
        self.function.connect(self.call_api, self.put_response)
        self.clock = self.function.clock
        self.resources = {name: Resource(name) for name in LOGICAL_IDS}
        self.requests: list[Request] = []
        self.makers: dict[str, Request] = {}
        """Physical ID → the request that answered with it first."""
        self.by_hand: set[str] = set()
        self.doomed: set[str] = set()
        """IDs whose Delete was sent."""
        self.running: list[DeliveryRecord] = []
        self.violations: list[str] = []
        self.foreign = {made.id: _portrait(made) for made in self.others()}
        self.adoptable = next(iter(self.foreign))
        """The foreign certificate that a template may adopt."""
        self.adopted: set[str] = set()
        """IDs that a template has named for adoption."""
        self.released: set[str] = set()
        """IDs of own certificates whose request tag was removed by an adoption."""

    @initialize(page=st.sampled_from([2, 500]))
    def lists_come_in_pages(self, page: int) -> None:
        api_gateway.PAGE_SIZE = page  # type: ignore[misc]

    def others(self) -> Iterator[Certificate]:
        """Certificates that look like this stack's and are not."""

        def tagged(stack: str, logical: str, request: str) -> Certificate:
            own_tags = {OwnTag.STACK: stack, OwnTag.LOGICAL: logical, OwnTag.REQUEST: request}
            return self.api.generate("foreign", own_tags)

        first = _request_id(1)
        yield self.api.generate("untagged", {})
        yield tagged(OTHER_STACK, LOGICAL_IDS[0], first)
        yield tagged(OTHER_STACK, LOGICAL_IDS[0], _request_id(0))
        # Of this stack, as a resource that was retained, or left its template, leaves one.
        yield tagged(STACK_ID, LOGICAL_IDS[0], _request_id(0))
        yield tagged(STACK_ID, "CertificateC", first)
        # Imported from another tool: some of the own_tags only.
        yield self.api.generate(None, {OwnTag.STACK: STACK_ID, OwnTag.LOGICAL: LOGICAL_IDS[0]})
        yield self.api.generate(None, {OwnTag.REQUEST: first, "team": "edge"})

    # What CloudFormation does

    @rule(
        nth=nth,
        description=descriptions,
        tags=tags,
        adopt=adoptions,
        tries=st.sampled_from(
            [[], [[]], [[TWIN]], [[TWIN], []], [[LOST_TWIN]], [[AMBIGUOUS]], [[CRASH], [IN_VAIN]]]
        ),
    )
    @precondition(lambda self: self.absent())
    def create(
        self,
        nth: int,
        description: str | None,
        tags: dict[str, str],
        adopt: str | None,
        tries: list[list[HistoryFault]],
    ) -> None:
        """Create a resource, often with a history: a race, a lost response or a crash."""
        resource = _pick(self.absent(), nth)
        resource.drifted = False
        properties = self.properties(resource, description, tags, adopt)
        request = self.send("create", resource, properties=properties)
        for faults in tries:
            self.deliver(request, faults, [])

    @rule(
        nth=nth,
        description=descriptions,
        tags=tags,
        adopt=adoptions,
        tries=st.sampled_from([[], [[]], [[HALF_WAY]], [[CRASH]]]),
    )
    @precondition(lambda self: self.updatable())
    def update(
        self,
        nth: int,
        description: str | None,
        tags: dict[str, str],
        adopt: str | None,
        tries: list[list[HistoryFault]],
    ) -> None:
        resource = _pick(self.updatable(), nth)
        properties = self.properties(resource, description, tags, adopt)
        request = self.send("update", resource, properties=properties)
        for faults in tries:
            self.deliver(request, faults, [])

    @rule(nth=nth, description=descriptions, tags=tags)
    @precondition(lambda self: self.idle())
    def replace(self, nth: int, description: str | None, tags: dict[str, str]) -> None:
        resource = _pick(self.idle(), nth)
        self.send("replace", resource, properties=_properties(description, tags))

    @rule(nth=nth)
    @precondition(lambda self: self.undoable())
    def roll_back(self, nth: int) -> None:
        """Another resource of the stack fails before what this one replaced is deleted."""
        resource = _pick(self.undoable(), nth)
        request = self.send("update", resource, properties=resource.undo)
        request.undoes = True
        self.deliver(request, [], [])

    @rule(nth=nth, tries=st.sampled_from([[], [[CRASH]], [[CRASH], []]]))
    @precondition(lambda self: self.idle())
    def delete(self, nth: int, tries: list[list[HistoryFault]]) -> None:
        resource = _pick(self.idle(), nth)
        request = self.send("delete", resource, physical_id=resource.physical_id)
        for faults in tries:
            self.deliver(request, faults, [])

    @rule(nth=nth)
    @precondition(lambda self: self.cluttered())
    def clean(self, nth: int) -> None:
        resource = _pick(self.cluttered(), nth)
        resource.undo = None
        self.send("clean", resource, physical_id=_pick(resource.garbage, nth))

    @rule(nth=nth)
    @precondition(lambda self: self.pending())
    def give_up(self, nth: int) -> None:
        """The ServiceTimeout is over."""
        self.clock.advance(SERVICE_TIMEOUT)
        self.settle(_pick(self.pending(), nth), None)

    # What Lambda does

    @rule(nth=nth, faults=faults, deliveries=deliveries)
    @precondition(lambda self: self.pending())
    def deliver_awaited(self, nth: int, faults: list[HistoryFault], deliveries: list[Any]) -> None:
        self.deliver(_pick(self.pending(), nth), faults, deliveries)

    @rule(nth=nth, interruption=interruptions)
    @precondition(lambda self: self.pending())
    def deliver_interrupted(self, nth: int, interruption: HistoryFault) -> None:
        self.deliver(_pick(self.pending(), nth), [interruption], [])

    @rule(nth=nth, kind=st.sampled_from(sorted(RESPONSES)), at=st.integers(0, 2))
    @precondition(lambda self: self.pending())
    def deliver_in_vain(self, nth: int, kind: str, at: int) -> None:
        self.deliver(_pick(self.pending(), nth), [HistoryFault(kind, at, FOREVER)], [])

    @rule(nth=nth)
    @precondition(lambda self: self.pending())
    def deliver_smoothly(self, nth: int) -> None:
        self.deliver(_pick(self.pending(), nth), [], [])

    @rule(nth=nth, faults=faults, deliveries=deliveries)
    @precondition(lambda self: self.again())
    def deliver_again(self, nth: int, faults: list[HistoryFault], deliveries: list[Any]) -> None:
        """A duplicate, or the next try of an invocation that ended in an error."""
        self.deliver(_pick(self.again(), nth), faults, deliveries)

    @rule(nth=nth)
    @precondition(lambda self: self.overtaken())
    def deliver_after_delete(self, nth: int) -> None:
        """The handler cannot know of the Delete. The certificate must still carry its tags."""
        request = _pick(self.overtaken(), nth)
        request.excused = request.excused or "delivered again after its Delete"
        self.deliver(request, [], [])

    @rule(nth=nth, faults=faults)
    @precondition(lambda self: self.requests)
    def deliver_hours_late(self, nth: int, faults: list[HistoryFault]) -> None:
        request = _pick(self.requests, nth)
        if request.awaited:
            self.settle(request, None)
        self.clock.advance(LIFE)
        before = set(self.api.certificates)
        # Nothing else runs then, and somebody's deleting by hand would show as the handler's.
        self.deliver(request, [fault for fault in faults if fault.kind not in INTERRUPTIONS], [])
        made = set(self.api.certificates) - before
        assert not made, f"a {request.role} that came hours late made {made}"

    # What somebody does

    @rule(nth=nth)
    @precondition(lambda self: self.own())
    def delete_by_hand(self, nth: int) -> None:
        self.remove_by_hand(_pick(sorted(self.own()), nth))

    @rule(nth=nth)
    @precondition(lambda self: self.own())
    def use_in_a_stage(self, nth: int) -> None:
        self.api.in_use.add(_pick(sorted(self.own()), nth))

    @rule()
    @precondition(lambda self: self.api.in_use)
    def free_stages(self) -> None:
        self.api.in_use.clear()

    # What must hold

    @invariant()
    def nothing_was_seen_inside_an_invocation(self) -> None:
        assert not self.violations, self.violations

    @invariant()
    def no_known_certificate_is_missing(self) -> None:
        for resource in self.resources.values():
            id = resource.physical_id
            if id and id not in self.by_hand | self.doomed:
                assert id in self.api.certificates, f"{resource.logical_id} lost {id}"

    @invariant()
    def foreign_certificates_are_as_they_were(self) -> None:
        for id, portrait in self.foreign.items():
            assert id in self.api.certificates, f"foreign {id} was deleted"
            assert id in self.adopted or _portrait(self.api.certificates[id]) == portrait

    @invariant()
    def what_was_adopted_is_never_deleted(self) -> None:
        assert self.released <= set(self.api.certificates)

    @invariant()
    def a_request_has_one_certificate_unless_it_raced(self) -> None:
        for request in self.requests:
            made = self.made_by(request)
            assert len(made) < 2 or request.raced, f"{request.role} {request.id} made {made}"

    @invariant()
    def a_delete_that_succeeded_left_nothing(self) -> None:
        for request in self.requests:
            if request.swept and not request.excused:
                assert not self.made_by(request), f"{request.role} {request.id} left a certificate"

    @invariant()
    def every_own_certificate_carries_a_requests_tags(self) -> None:
        tagged = {id for request in self.requests for id in self.made_by(request)}
        assert self.own() == tagged

    @invariant()
    def a_settled_certificate_is_as_the_template_wants_it(self) -> None:
        for resource in self.resources.values():
            found = self.api.certificates.get(resource.physical_id or "")
            if found and not resource.pending and not resource.drifted:
                description, tags = _desired(resource.properties)
                own = {key for key in found.tags if key.startswith(OwnTag.PREFIX)}
                user_tags = {key: value for key, value in found.tags.items() if key not in own}
                if found.id in self.own():
                    assert len(own) == OwnTag.COUNT
                    assert (found.description or "", user_tags) == (description, tags)
                else:  # what the template does not name stays
                    assert tags.items() <= user_tags.items()
                    assert (found.description or "") == description or not description
                if found.id == resource.properties.get(ADOPT):
                    assert own == {OwnTag.STACK, OwnTag.LOGICAL}
                    assert found.tags[OwnTag.LOGICAL] == resource.logical_id

    @invariant()
    def no_log_line_holds_the_signed_url(self) -> None:
        assert not self.function.leaking_log_lines()

    def teardown(self) -> None:
        """Delete the stack, without faults: what is left then is left for ever."""
        self.api.in_use.clear()
        for resource in self.resources.values():
            for _ in range(20):
                if resource.pending and self.clock.now >= _given_up_at(resource.pending.event):
                    self.settle(resource.pending, None)
                elif resource.pending:
                    self.deliver(resource.pending, [], [])
                elif resource.garbage:
                    self.send("clean", resource, physical_id=resource.garbage[0])
                elif resource.physical_id:
                    self.send("delete", resource, physical_id=resource.physical_id)
                else:
                    break
            else:
                raise AssertionError(f"{resource} cannot be deleted")
        self.nothing_was_seen_inside_an_invocation()
        self.foreign_certificates_are_as_they_were()
        excused = {
            id for request in self.requests if request.excused for id in self.made_by(request)
        }
        assert self.own() <= excused, f"left behind: {self.own() - excused}"

    # The model of CloudFormation

    def absent(self) -> list[Resource]:
        return [
            resource
            for resource in self.resources.values()
            if not resource.physical_id and not resource.pending and not resource.garbage
        ]

    def updatable(self) -> list[Resource]:
        """Without those that may return to a certificate whose Delete is still to come."""
        return [it for it in self.idle() if not (it.garbage and ADOPT in it.properties)]

    def idle(self) -> list[Resource]:
        """Resources that exist and can be changed: not those whose Delete has failed."""
        return [
            resource
            for resource in self.resources.values()
            if resource.physical_id and not resource.pending
        ]

    def undoable(self) -> list[Resource]:
        """Resources whose last Update may still be rolled back."""
        return [resource for resource in self.idle() if resource.undo is not None]

    def cluttered(self) -> list[Resource]:
        return [
            resource
            for resource in self.resources.values()
            if resource.garbage and not resource.pending
        ]

    def any_raced(self, resource: Resource) -> bool:
        return any(request.raced for request in self.requests if request.resource is resource)

    def pending(self) -> list[Request]:
        return [resource.pending for resource in self.resources.values() if resource.pending]

    def again(self) -> list[Request]:
        return [
            request
            for request in self.requests
            if not request.awaited and not (request.over and request.makes)
        ]

    def overtaken(self) -> list[Request]:
        return [request for request in self.requests if request.over and request.makes]

    def send(
        self,
        role: Literal["create", "update", "replace", "delete", "clean"],
        resource: Resource,
        *,
        properties: dict[str, Any] | None = None,
        previous: dict[str, Any] | None = None,
        physical_id: str | None = None,
    ) -> Request:
        """CloudFormation sends a request; nothing has delivered it yet."""
        assert resource.pending is None
        number = len(self.requests) + 1
        event: dict[str, Any] = {
            "RequestType": {"update": "Update", "delete": "Delete", "clean": "Delete"}.get(
                role, "Create"
            ),
            "ResponseURL": response_url(self.clock, f"response-{number}"),
            "StackId": STACK_ID,
            "RequestId": _request_id(number),
            "ResourceType": "Custom::ApiGatewayClientCertificate",
            "LogicalResourceId": resource.logical_id,
            "ResourceProperties": resource.properties if properties is None else properties,
        }
        adopts = event["ResourceProperties"].get(ADOPT, resource.physical_id)
        if ADOPT in event["ResourceProperties"]:
            self.adopted.add(adopts)
        for other in self.resources.values():
            if other is not resource and other.physical_id == adopts:
                other.drifted = True  # both change one certificate
        if role == "update":
            event["PhysicalResourceId"] = resource.physical_id
            event["OldResourceProperties"] = resource.properties if previous is None else previous
        if physical_id is not None:
            event["PhysicalResourceId"] = physical_id
            self.doomed.add(physical_id)
            named = self.api.certificates.get(physical_id)
            for request in self.requests:
                if request.makes and (
                    self.makers.get(physical_id) is request
                    or request.event.get("PhysicalResourceId") == physical_id
                    or (named and named.tags.get(OwnTag.REQUEST) == request.id)
                ):
                    request.over = True
        resource.pending = Request(role, event, resource)
        self.requests.append(resource.pending)
        return resource.pending

    def settle(self, request: Request, response: Mapping[str, Any] | None) -> None:
        """CloudFormation takes the first response, or gives up (None), and goes on."""
        assert request.awaited
        request.awaited = False
        resource, properties = request.resource, request.event["ResourceProperties"]
        resource.pending = None
        success = response is not None and response["Status"] == "SUCCESS"
        id = str(response["PhysicalResourceId"]) if response else ""
        if request.role in ("create", "replace"):
            if not response:
                id = f"Stack-{resource.logical_id}-1N7EN7EDB1C{len(self.requests)}"
                request.excused = "never answered, and its Delete carries an invented ID"
            self.makers.setdefault(id, request)
            if success:
                if request.role == "replace" and resource.physical_id:
                    resource.garbage.append(resource.physical_id)
                resource.physical_id, resource.properties = id, properties
                resource.drifted, resource.undo = False, None
            elif request.role == "create":
                request.over = True
                self.send("delete", resource, physical_id=id)
            else:
                request.over = True
                resource.garbage.append(id)
                self.send("clean", resource, physical_id=id)
        elif request.role == "update":
            previous = request.event["OldResourceProperties"]
            if success:
                cleaned = not resource.garbage
                if request.undoes:
                    resource.garbage.clear()
                if id != resource.physical_id:
                    self.makers.setdefault(id, request)
                    resource.garbage.append(str(resource.physical_id))
                    # Of a certificate that it returns to, or of that one's sibling, the
                    # properties are known only if nothing else came between.
                    resource.drifted = _stops_adopting(request) and (
                        resource.undo != properties or self.any_raced(resource)
                    )
                resource.undo = previous if cleaned and not request.undoes else None
                resource.physical_id, resource.properties = id, properties
            else:
                if request.event["PhysicalResourceId"] in self.by_hand or _stops_adopting(request):
                    request.excused = "may have replaced its certificate without responding"
                if id and len(self.requests) % 2:  # CloudFormation may name either from now on
                    resource.garbage += {str(resource.physical_id)} - {id}
                    resource.physical_id = id
                rollback = "Rollback" in request.event
                now, before = (properties, previous) if rollback else (previous, properties)
                sent = self.send("update", resource, properties=now, previous=before)
                sent.event["Rollback"] = "of the model's, which the handler must ignore"
        else:
            id = str(request.event["PhysicalResourceId"])
            if success:
                for made in self.requests:
                    made.swept |= made is self.makers.get(id)
                if request.role == "delete":
                    resource.physical_id = None
                else:
                    resource.garbage.remove(id)
            elif request.role == "delete":  # DELETE_FAILED: all that can follow is another Delete
                self.send("delete", resource, physical_id=id)

    # The model of Lambda, and the world inside an invocation

    def deliver(
        self, request: Request | None, faults: list[HistoryFault], deliveries: list[Any]
    ) -> None:
        assert request is not None
        resource = request.resource
        if request.awaited and self.clock.now >= _given_up_at(request.event):
            self.settle(request, None)
        latest = [r for r in self.requests if r.resource is resource and r.makes]
        if request.makes and latest[-1] is not request:
            resource.drifted = True
        for other in self.resources.values():
            if other is not resource and resource.physical_id and request.makes:
                # Both change one certificate.
                other.drifted |= other.physical_id == resource.physical_id
        if any(other.request is request for other in self.running):
            request.raced = True
        if (
            request.role == "update"
            and not request.awaited
            and (
                _stops_adopting(request)
                or (
                    request.event["PhysicalResourceId"] in self.by_hand
                    and request not in self.makers.values()
                )
            )
        ):
            request.excused = request.excused or "made one anew when nobody listened any more"
        invocation = DeliveryRecord(request, faults, [*deliveries], self.clock.now)
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
        fault = next((fault for fault in invocation.faults if fault.hits(call, *numbers)), None)
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
        invocation.faulty += 1
        if fault.commit and fault.kind in AMBIGUOUS_KINDS:
            self.respond(call)
        if fault.kind == "reset":
            raise ConnectionClosedError(endpoint_url="https://apigateway.invalid")
        if fault.kind == "hang":
            self.clock.now += 15
            raise ReadTimeoutError(endpoint_url="https://apigateway.invalid")
        return RESPONSES[fault.kind]

    def check_write(self, call: Call, request: Request) -> None:
        """Of certificates that the stack does not own, only what it adopts may be changed."""
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
        """What API Gateway does, and what an adoption releases."""
        response = self.api.respond(call)
        if call.method == "DELETE" and OwnTag.REQUEST in call.query.get("tagKeys", []):
            for id in self.own():
                if id in call.path:
                    self.released.add(id)
                    for request in self.requests:
                        if request.resource.physical_id == id or self.makers.get(id) is request:
                            request.excused = "its certificate was adopted"
        return response

    def interrupt(self, invocation: DeliveryRecord, fault: HistoryFault) -> None:
        """What runs to its end inside a call of an invocation."""
        invocation.interrupted = True
        request, resource = invocation.request, invocation.request.resource
        if fault.kind == "by hand":
            target = request.event.get("PhysicalResourceId")
            for id in {target, *self.made_by(request)} & self.own():
                self.remove_by_hand(str(id))
        elif fault.kind == "twin":
            request.raced = True
            self.deliver(request, [], [403] if fault.lost else [])
        elif len(self.running) == 1:
            if request.makes:
                resource.drifted = True
                request.excused = request.excused or "overtaken by the next request"
            if request.awaited:
                self.settle(request, None)
            elif not resource.pending and resource.physical_id:
                self.send("delete", resource, physical_id=resource.physical_id)
            if resource.pending:
                self.deliver(resource.pending, [], [])

    def put_response(self, url: SplitResult, body: bytes) -> int:
        """The ResponseURL."""
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
        if _expired(request.event, self.clock.now):
            return 403
        if not invocation.taken:
            invocation.taken = True
            self.take(request, json.loads(body))
        if outcome == "taken, crash":
            raise ProcessKilled
        if outcome == "taken, reset":
            raise ConnectionResetError(f"{url.geturl()} reset")
        return 200

    def take(self, request: Request, response: dict[str, Any]) -> None:
        self.violations += response_violations(request.event, json.dumps(response).encode())
        id, data = response["PhysicalResourceId"], response["Data"]
        resource = request.resource
        if request.makes and response["Status"] == "SUCCESS":
            found = self.api.certificates.get(id)
            if found:
                expected = {
                    Attribute.ID: id,
                    Attribute.ARN: self.api.arn(id),
                    Attribute.PEM: found.pem,
                    Attribute.CREATED: _iso(found.created),
                    Attribute.EXPIRATION: _iso(found.expires),
                }
                self.check(data == expected, f"attributes {data}, not {expected}")
            else:
                self.check(id in self.by_hand | self.doomed or bool(request.excused), f"no {id}")
            others = {
                a["PhysicalResourceId"] for a in request.responses if a["Status"] == "SUCCESS"
            }
            agree = others <= {id} or request.raced or bool(others & self.by_hand)
            # One that returns to what the resource made cannot know of what was made later.
            agree = agree or (resource.drifted and _stops_adopting(request))
            self.check(bool(agree or request.excused), f"answers {others} and {id}")
        if request.role in ("delete", "clean"):
            self.check(id == request.event["PhysicalResourceId"], f"a Delete answered {id}")
        request.responses.append(response)
        if request.awaited:
            self.settle(request, response)

    def check_end(self, invocation: DeliveryRecord, ended: str) -> None:
        request = invocation.request
        self.check(len(set(invocation.bodies)) <= 1, "one invocation gave several answers")
        if ended == "returned":
            self.check(invocation.taken, "returned without a delivered answer")
        if ended == "died" or not invocation.bodies:
            return
        response = json.loads(invocation.bodies[0])
        must_succeed = (
            invocation.faulty <= 2
            and not invocation.interrupted
            and not any(fault.kind in PERMANENT_KINDS for fault in invocation.faults)
            and not self.api.in_use
            and not _expired(request.event, invocation.began)
            and not (request.makes and invocation.began >= _given_up_at(request.event))
            and request.event["ResourceProperties"].get(ADOPT) in {None, *self.api.certificates}
        )
        self.check(
            response["Status"] == "SUCCESS" or not must_succeed,
            f"{request.role} FAILED for nothing: {response['Reason']}",
        )

    def check(self, holds: bool, violation: str) -> None:
        """Inside an invocation an AssertionError would become a FAILED response."""
        if not holds:
            self.violations.append(violation)

    def properties(
        self,
        resource: Resource,
        description: str | None,
        tags: Mapping[str, str],
        adopt: str | None,
    ) -> dict[str, Any]:
        """The properties of a template, which may adopt a certificate.

        Only the second resource adopts: the first has an earlier certificate that was retained,
        and that it would rightly return to.
        """
        first, second = self.resources.values()
        properties = _properties(description, tags)
        if resource is second and adopt == "foreign":
            properties[ADOPT] = self.adoptable
        elif resource is second and adopt and first.physical_id in self.own() and not first.pending:
            properties[ADOPT] = first.physical_id
        return properties

    def own(self) -> set[str]:
        """Certificates that the stack made and that no resource of it has adopted since."""
        return set(self.api.certificates) - set(self.foreign) - self.released

    def made_by(self, request: Request) -> set[str]:
        own_tags = {
            OwnTag.STACK: STACK_ID,
            OwnTag.LOGICAL: request.resource.logical_id,
            OwnTag.REQUEST: request.id,
        }
        return {
            id
            for id, found in self.api.certificates.items()
            if id not in self.foreign and own_tags.items() <= found.tags.items()
        }

    def remove_by_hand(self, id: str) -> None:
        """Its siblings cannot be found any more: they are known through its tags alone."""
        own_tags = self.api.certificates.pop(id).tags
        self.api.in_use.discard(id)
        self.by_hand.add(id)
        for request in self.requests:
            if request.id == own_tags[OwnTag.REQUEST]:
                request.excused = request.excused or "its certificate was deleted by hand"


def _stops_adopting(request: Request) -> bool:
    event = request.event
    return (
        ADOPT in event.get("OldResourceProperties", {}) and ADOPT not in event["ResourceProperties"]
    )


def _given_up_at(event: Mapping[str, Any]) -> float:
    return (
        validity(event["ResponseURL"])[1] - LIFE.total_seconds() + SERVICE_TIMEOUT.total_seconds()
    )


def _expired(event: Mapping[str, Any], now: float) -> bool:
    return validity(event["ResponseURL"])[1] <= now


def _request_id(number: int) -> str:
    return f"7d3e9c1a-0000-4000-8000-{number:012d}"


def _pick(candidates: list[Any], nth: int) -> Any:
    return candidates[nth % len(candidates)]


def _portrait(certificate: Certificate) -> tuple[object, ...]:
    return (certificate.description, dict(certificate.tags), certificate.pem)


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _properties(description: str | None, tags: Mapping[str, str]) -> dict[str, Any]:
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    described = {} if description is None else {"Description": description}
    return {"ServiceTimeout": "1200", **described, **({"Tags": listed} if listed else {})}


def _desired(properties: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    listed = properties.get("Tags", [])
    return properties.get("Description", ""), {tag["Key"]: tag["Value"] for tag in listed}


@pytest.fixture(scope="module")
def function() -> Iterator[SimulatedFunction]:
    with simulated_function() as function:
        yield function


@pytest.mark.parametrize("listed", [True, False], ids=["list tells tags", "list tells no tags"])
def test_no_history_loses_a_certificate_or_leaves_one_behind(
    function: SimulatedFunction, listed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_gateway, "PAGE_SIZE", api_gateway.PAGE_SIZE)  # the machine changes it
    machine = type("Machine", (Histories,), {"function": function, "tags_in_list": listed})
    run_state_machine_as_test(machine, settings=PROFILE)
