"""Histories of a stack under faults, drawn by hypothesis and checked against a model.

The model is CloudFormation and Lambda: what CloudFormation knows of each resource, which request
it sends next, and who delivers which event again. API Gateway and ResponseURL fail in any call.
What must hold, whatever the history:

* no certificate that CloudFormation knows is missing, unless somebody deleted it by hand;
* none is left when the stack is gone, but for those of `Request.leftover_reason`, which carry its tags;
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

SETTINGS: dict[str, Any] = {
    "deadline": None,
    "stateful_step_count": 20,
    "suppress_health_check": list(HealthCheck),
}
# Each is run for both forms of the list.
settings.register_profile("histories", max_examples=100, derandomize=True, **SETTINGS)
settings.register_profile(
    "histories-nightly", max_examples=1000, derandomize=False, print_blob=True, **SETTINGS
)
PROFILE = settings.get_profile(
    "histories-nightly" if os.environ.get("HISTORIES") == "nightly" else "histories"
)



class Histories(Rules):
    # What must hold

    @invariant()
    def nothing_was_seen_inside_an_invocation(self) -> None:
        assert not self.violations, self.violations

    @invariant()
    def no_known_certificate_is_missing(self) -> None:
        for resource in self.resources.values():
            id = resource.physical_id
            if id and id not in self.manually_deleted | self.delete_sent_ids:
                assert id in self.api.certificates, f"{resource.logical_id} lost {id}"

    @invariant()
    def foreign_certificates_are_as_they_were(self) -> None:
        for id, snapshot in self.foreign.items():
            assert id in self.api.certificates, f"foreign {id} was deleted"
            assert id in self.adopted or _snapshot(self.api.certificates[id]) == snapshot

    @invariant()
    def what_was_adopted_is_never_deleted(self) -> None:
        assert self.released <= set(self.api.certificates)

    @invariant()
    def a_request_has_one_certificate_unless_it_raced(self) -> None:
        for request in self.requests:
            made = self.created_by(request)
            assert len(made) < 2 or request.ran_concurrently, f"{request.role} {request.id} made {made}"

    @invariant()
    def a_delete_that_succeeded_left_nothing(self) -> None:
        for request in self.requests:
            if request.delete_succeeded and not request.leftover_reason:
                assert not self.created_by(request), f"{request.role} {request.id} left a certificate"

    @invariant()
    def every_own_certificate_carries_a_requests_tags(self) -> None:
        tagged = {id for request in self.requests for id in self.created_by(request)}
        assert self.own() == tagged

    @invariant()
    def a_settled_certificate_is_as_the_template_wants_it(self) -> None:
        for resource in self.resources.values():
            found = self.api.certificates.get(resource.physical_id or "")
            if found and not resource.pending and not resource.drifted:
                description, tags = desired_state(resource.properties)
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
                if resource.pending and self.clock.now >= service_timeout_at(resource.pending.event):
                    self.complete(resource.pending, None)
                elif resource.pending:
                    self.deliver(resource.pending, [], [])
                elif resource.replaced_ids:
                    self.send("cleanup", resource, physical_id=resource.replaced_ids[0])
                elif resource.physical_id:
                    self.send("delete", resource, physical_id=resource.physical_id)
                else:
                    break
            else:
                raise AssertionError(f"{resource} cannot be deleted")
        self.nothing_was_seen_inside_an_invocation()
        self.foreign_certificates_are_as_they_were()
        allowed = {
            id for request in self.requests if request.leftover_reason for id in self.created_by(request)
        }
        assert self.own() <= allowed, f"left behind: {self.own() - allowed}"


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
