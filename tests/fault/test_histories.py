"""Run the handler through histories that hypothesis draws, and compare them with a model.

The model covers CloudFormation (histories/stack.py) and Lambda (histories/invocations.py). Calls
to API Gateway and to the ResponseURL can fail at any point. In every history:

* no certificate that CloudFormation refers to is missing, unless a user deleted it;
* none is left after the stack's deletion, except those of requests with a `leftover_reason`;
* no foreign certificate changes, unless a template adopts it;
* an adopted certificate is never deleted;
* an invocation sends one response, and all SUCCESS responses of a request have the same ID, unless
  two deliveries ran concurrently;
* a request has one certificate at a time, unless its deliveries ran concurrently;
* a delivery with at most two failed calls succeeds.

`HISTORIES=nightly` draws ten times as many, at random.
"""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    invariant,
    run_state_machine_as_test,
)

from lambda_handler import api_gateway
from lambda_handler.contract import OwnTag
from tests.fault.histories.requests import ADOPT, desired_state, service_timeout_at, snapshot
from tests.fault.histories.rules import Rules
from tests.fault.simulation import (
    SimulatedFunction,
    simulated_function,
)

SETTINGS: dict[str, Any] = {
    "deadline": None,
    "stateful_step_count": 20,
    "suppress_health_check": list(HealthCheck),
}
# The test runs twice: with and without tags in API Gateway's list of certificates.
settings.register_profile("histories", max_examples=100, derandomize=True, **SETTINGS)
settings.register_profile(
    "histories-nightly", max_examples=1000, derandomize=False, print_blob=True, **SETTINGS
)
PROFILE = settings.get_profile(
    "histories-nightly" if os.environ.get("HISTORIES") == "nightly" else "histories"
)


class Histories(Rules):
    """Invariants that hold after every step."""

    @invariant()
    def no_invocation_had_a_violation(self) -> None:
        assert not self.violations, self.violations

    @invariant()
    def no_certificate_is_missing(self) -> None:
        for resource in self.resources.values():
            id = resource.physical_id
            if id and id not in self.manually_deleted | self.delete_sent_ids:
                assert id in self.api.certificates, f"{resource.logical_id} lost {id}"

    @invariant()
    def foreign_certificates_are_unchanged(self) -> None:
        for id, initial in self.foreign.items():
            assert id in self.api.certificates, f"foreign {id} was deleted"
            assert id in self.adopted or snapshot(self.api.certificates[id]) == initial

    @invariant()
    def adopted_certificates_are_never_deleted(self) -> None:
        assert self.released <= set(self.api.certificates)

    @invariant()
    def sequential_deliveries_create_one_certificate(self) -> None:
        for request in self.requests:
            made = self.created_by(request)
            assert len(made) < 2 or request.ran_concurrently, (
                f"{request.role} {request.id} created {made}"
            )

    @invariant()
    def successful_delete_leaves_nothing(self) -> None:
        for request in self.requests:
            if request.delete_succeeded and not request.leftover_reason:
                assert not self.created_by(request), (
                    f"{request.role} {request.id} left a certificate"
                )

    @invariant()
    def own_certificates_have_ownership_tags(self) -> None:
        tagged = {id for request in self.requests for id in self.created_by(request)}
        assert self.own() == tagged

    @invariant()
    def idle_certificates_match_the_template(self) -> None:
        for resource in self.resources.values():
            found = self.api.certificates.get(resource.physical_id or "")
            if found and not resource.pending and not resource.drifted:
                description, tags = desired_state(resource.properties)
                own = {key for key in found.tags if key.startswith(OwnTag.PREFIX)}
                user_tags = {key: value for key, value in found.tags.items() if key not in own}
                if found.id in self.own():
                    assert len(own) == OwnTag.COUNT
                    assert (found.description or "", user_tags) == (description, tags)
                else:  # adopted: tags that the template does not mention stay
                    assert tags.items() <= user_tags.items()
                    assert (found.description or "") == description or not description
                if found.id == resource.properties.get(ADOPT):
                    assert own == {OwnTag.STACK, OwnTag.LOGICAL}
                    assert found.tags[OwnTag.LOGICAL] == resource.logical_id

    @invariant()
    def no_log_line_contains_the_signed_url(self) -> None:
        assert not self.function.leaking_log_lines()

    def teardown(self) -> None:
        """Delete the stack without faults and check that it leaves nothing."""
        self.api.in_use.clear()
        for resource in self.resources.values():
            for _ in range(20):
                if resource.pending and self.clock.now >= service_timeout_at(
                    resource.pending.event
                ):
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
        self.no_invocation_had_a_violation()
        self.foreign_certificates_are_unchanged()
        allowed = {
            id
            for request in self.requests
            if request.leftover_reason
            for id in self.created_by(request)
        }
        assert self.own() <= allowed, f"left behind: {self.own() - allowed}"


@pytest.fixture(scope="module")
def function() -> Iterator[SimulatedFunction]:
    with simulated_function() as function:
        yield function


@pytest.mark.parametrize("tags_in_list", [True, False], ids=["tags in list", "no tags in list"])
def test_histories_neither_lose_nor_leak_certificates(
    function: SimulatedFunction, tags_in_list: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_gateway, "PAGE_SIZE", api_gateway.PAGE_SIZE)  # restored at the end
    machine = type("Machine", (Histories,), {"function": function, "tags_in_list": tags_in_list})
    run_state_machine_as_test(machine, settings=PROFILE)
