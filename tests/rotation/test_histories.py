"""Check the rules of a rotation in random histories with faults.

`HISTORIES=nightly` runs 2,000 of them instead of 200.
"""

import os
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

import pytest
from hypothesis import HealthCheck, assume, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from handler_testing.api_errors import error
from local_aws.responses import Response
from tests.fault.simulation import ProcessKilled
from tests.rotation.simulation import (
    BETA,
    CHECK,
    LIVE,
    PARAMETER,
    PROD,
    Call,
    SimulatedStage,
    Simulation,
    json_error,
    properties,
)

OVERLAP: Final = timedelta(days=14)
ROTATE_BEFORE: Final = timedelta(days=60)
LONGEST_GAP: Final = (ROTATE_BEFORE - OVERLAP) / 2
FOREIGN: Final = "foreign"

WRITES: Final = (
    "POST /clientcertificates",
    "PATCH /restapis",
    "PATCH /v2",
    "PUT /tags",
    "DELETE /",
    "ssm:PutParameter",
    "events:PutEvents",
)
positions = st.integers(min_value=0, max_value=40)


class Rotation(RuleBasedStateMachine):
    """One resource with its account and backend, and the steps and faults of a history."""

    simulation: ClassVar[Simulation]

    @initialize(checks=st.booleans(), tags_in_list=st.booleans())
    def create(self, checks: bool, tags_in_list: bool) -> None:
        self.simulation.reset(tags_in_list=tags_in_list)
        self.aws = self.simulation.aws
        self.checks = checks
        self.reloads = "always"
        self.trusted: list[str] = []
        self.bundled_since: dict[str, datetime] = {}
        self.undisturbed = True
        """Whether runs were frequent, the backend reloaded, and nothing was changed by hand."""
        self.last_success = self.simulation.now
        for stage in (PROD, BETA, LIVE):
            self.aws.stages[stage] = SimulatedStage()
        self.foreign = self.aws.certificates.generate("somebody else's", {"team": "other"}).id
        self.aws.accepts = self._accepts
        self.aws.before = self._before
        self.aws.after = self._after
        self.fault: Callable[[Call, int], Response | None] | None = None
        self.kill: int | None = None
        self.nested: int | None = None
        self.count = 0
        self.description = 0
        extra = {"BackendChecks": [CHECK]} if checks else {}
        response = self.simulation.create(properties(Stages=[PROD, LIVE], **extra))
        assert response.status == "SUCCESS", response.reason
        self._succeeded()

    # The account and the backend.

    def _accepts(self, _variables: Mapping[str, str], id: str) -> bool:
        certificate = self.aws.certificates.certificates.get(id)
        if certificate is None or certificate.expires <= self.simulation.now:
            return False
        return id in self.trusted

    def _before(self, call: Call) -> Response | None:
        self.count += 1
        if self.nested is not None and self.count > self.nested:
            self.nested = None
            self.simulation.run()
        if call.name.startswith(("PATCH /restapis", "PATCH /v2")):
            self._check_switch(call)
        if call.name.startswith("DELETE /clientcertificates/"):
            id = call.name.rpartition("/")[2]
            assert id not in self.simulation.presented.values(), f"deletes {id}, which is presented"
            assert id != self.foreign
        return self.fault(call, self.count) if self.fault else None

    def _after(self, call: Call) -> Response | None:
        if call.name == "ssm:PutParameter":
            self._note_bundle()
        if self.kill is not None and self.count > self.kill:
            self.kill = None
            raise ProcessKilled
        return None

    def _note_bundle(self) -> None:
        bundled = self.simulation.bundle
        self.bundled_since = {id: self.bundled_since.get(id, self.simulation.now) for id in bundled}
        self._reload()

    def _reload(self) -> None:
        if self.reloads == "always":
            self.trusted = list(self.simulation.bundle)
        elif self.reloads == "first":
            self.trusted = self.simulation.bundle[:1]

    def _check_switch(self, call: Call) -> None:
        """Check the rule for switches at the moment of the call."""
        path = call.name.partition(" ")[2].removeprefix("/v2")
        if "patchOperations" in call.document:
            new = call.document["patchOperations"][0]["value"]
        else:
            new = call.document["clientCertificateId"]
        old = self.aws.stages[path].certificate
        generations = self.simulation.generations
        if not new or old not in generations:
            return  # detached, or no certificate of the resource is replaced
        if "client-certificate:retired-at" in generations[old]:
            return  # switched back by hand
        certificate, now = self.aws.certificates.certificates[old], self.simulation.now
        if self.checks:
            assert self._accepts({}, new) or not self._accepts({}, old)
        if self.checks and certificate.expires <= now and not self._accepts({}, old):
            return
        if not self.checks and certificate.expires - timedelta(days=1) <= now:
            return
        assert self.bundled_since.get(new, now) + OVERLAP <= now, f"{new} is not trusted yet"

    def _run(self) -> str:
        self.count = 0
        outcome = self.simulation.run()
        if outcome == "returned":
            self._succeeded()
        elif self.fault is None and outcome != "killed" and self.simulation.generations:
            raise AssertionError(f"a run without faults failed: {outcome}")
        return outcome

    def _succeeded(self) -> None:
        if self.simulation.now - self.last_success > LONGEST_GAP:
            self.undisturbed = False
        self.last_success = self.simulation.now
        generations = self.simulation.generations
        for stage in self.simulation.properties["Stages"]:  # type: ignore[index]
            assert self.simulation.presented[stage] in generations
        bundle = self.simulation.bundle
        assert bundle, "the bundle is empty"
        assert set(bundle) <= generations.keys()
        for id in bundle:
            expired = self.aws.certificates.certificates[id].expires <= self.simulation.now
            presented = id in self.simulation.presented.values()
            assert not expired or presented or len(generations) == 1
        if len(set(self.simulation.presented.values()) - {None, FOREIGN, self.foreign}) == 1:
            assert bundle[0] in self.simulation.presented.values()

    # Steps.

    @rule(hours=st.sampled_from([1, 1, 13, 24]))
    def run(self, hours: int) -> None:
        self.simulation.advance(hours=hours)
        self._run()

    @rule(days=st.sampled_from([1, 7, 14, 15, 22, 40, 150, 301, 400]))
    def idle(self, days: int) -> None:
        self.simulation.advance(hours=1)
        self._run()
        self.simulation.advance(days=days)
        if days > LONGEST_GAP.days:
            self.undisturbed = False
        self._reload()
        self._run()

    @rule(position=positions)
    def run_twice_at_once(self, position: int) -> None:
        self.simulation.advance(hours=1)
        self.count, self.nested = 0, position
        self.simulation.run()
        self.nested = None

    @rule(position=positions)
    def crash(self, position: int) -> None:
        self.simulation.advance(hours=1)
        self.kill = position
        self._run()
        self.kill = None

    @rule(
        call=st.sampled_from(WRITES),
        response=st.sampled_from(["denied", "throttled", "ambiguous"]),
        times=st.integers(1, 3),
    )
    def run_with_fault(self, call: str, response: str, times: int) -> None:
        left = [times if response != "denied" else 1000]

        def fault(received: Call, _count: int) -> Response | None:
            if not received.name.startswith(call) or not left[0]:
                return None
            left[0] -= 1
            of_json = received.name.startswith(("ssm:", "events:"))
            if response == "denied":
                if of_json:
                    return json_error("AccessDeniedException")
                return error(403, "AccessDeniedException")
            if response == "throttled":
                if of_json:
                    return json_error("ThrottlingException")
                return error(429, "TooManyRequestsException")
            self.aws._route(received)
            self._after(received)
            return json_error("InternalServerError", status=500) if of_json else error(500, "Oops")

        self.simulation.advance(hours=1)
        self.fault = fault
        outcome = self._run()
        self.fault = None
        if outcome != "returned" and response == "denied":
            self.undisturbed = self.undisturbed and (
                self.simulation.now - self.last_success <= LONGEST_GAP
            )

    @rule(reloads=st.sampled_from(["always", "always", "first", "never"]))
    def backend(self, reloads: str) -> None:
        self.reloads = reloads
        self._reload()
        if reloads != "always":
            self.undisturbed = False

    @precondition(lambda self: self.simulation.generations)
    @rule(data=st.data())
    def delete_by_hand(self, data: st.DataObject) -> None:
        id = data.draw(st.sampled_from(list(self.simulation.generations)))
        for stage in self.aws.stages.values():
            if stage.certificate == id:
                stage.certificate = None
        del self.aws.certificates.certificates[id]
        self.undisturbed = False
        if not self.simulation.generations:
            assert "no client certificate" in self._run()
            assert not self.simulation.generations
            self.deploy()

    @rule(
        stage=st.sampled_from([PROD, LIVE]),
        data=st.data(),
    )
    def change_stage_by_hand(self, stage: str, data: st.DataObject) -> None:
        managed = stage in self.simulation.properties["Stages"]  # type: ignore[index]
        ours = self.simulation.generations if managed else ()
        choices = [None, self.foreign, *ours]
        self.aws.stages[stage].certificate = data.draw(st.sampled_from(choices))
        self.undisturbed = False

    @rule(value=st.sampled_from([None, "", "edited by hand"]))
    def change_parameter_by_hand(self, value: str | None) -> None:
        parameter = self.aws.parameters.get(PARAMETER)
        assume(parameter is not None)
        if value is None:
            del self.aws.parameters[PARAMETER]
        elif parameter:
            parameter.value, parameter.version = value or " ", parameter.version + 1
        self._note_bundle()
        self.undisturbed = False

    @rule()
    def deploy(self) -> None:
        self.simulation.advance(minutes=10)
        self.description += 1
        response = self.simulation.update(Description=f"description {self.description}")
        assert response.status == "SUCCESS", response.reason
        self._succeeded()
        for id in self.simulation.generations:
            description = self.aws.certificates.certificates[id].description
            assert description == f"description {self.description}"

    @rule(reset=st.booleans())
    def deploy_that_changes_the_stage(self, reset: bool) -> None:
        """Deploy a stage whose certificate CloudFormation may reset, and then the resource."""
        self.simulation.advance(minutes=10)
        if reset:
            self.aws.stages[PROD].certificate = None
            self.undisturbed = False
        self.description += 1
        response = self.simulation.update(StageSettings=f"hash {self.description}")
        assert response.status == "SUCCESS", response.reason
        self._succeeded()

    @rule(reason=st.sampled_from([None, "audit", "incident", "other"]))
    def rotate_for_a_reason(self, reason: str | None) -> None:
        self.simulation.advance(minutes=10)
        response = self.simulation.update(RotationReason=reason)
        assert response.status == "SUCCESS", response.reason
        self._succeeded()

    @rule(stages=st.sampled_from([[PROD], [PROD, LIVE], [PROD, BETA, LIVE], [LIVE, BETA]]))
    def manage_stages(self, stages: list[str]) -> None:
        self.simulation.advance(minutes=10)
        managed = self.simulation.properties["Stages"]  # type: ignore[index]
        added = [stage for stage in stages if stage not in managed]
        refused = [
            stage
            for stage in added
            if self.simulation.presented[stage] not in (None, *self.simulation.generations)
        ]
        response = self.simulation.update(Stages=stages)
        if refused:
            assert response.status == "FAILED"
            assert refused[0] in response.reason
        else:
            assert response.status == "SUCCESS", response.reason
            self._succeeded()
            for stage in managed:
                if stage not in stages:
                    assert self.simulation.presented[stage] not in self.simulation.generations

    @rule()
    def roll_back(self) -> None:
        """Roll back a successful Update because another resource of the stack failed."""
        # A stage to which a user attached a foreign certificate cannot be added again.
        assume(self.foreign not in self.simulation.presented.values())
        self.simulation.advance(minutes=10)
        old: dict[str, Any] = self.simulation.properties or {}
        new = {**old, "Stages": [PROD, BETA], "Description": "rolled back"}
        self.simulation.request("Update", new, old)
        response = self.simulation.request("Update", old, new)
        assert response.status == "SUCCESS", response.reason
        self._succeeded()

    @rule()
    def settle(self) -> None:
        """Run twice a week for long enough, with a backend that reloads.

        A certificate must be accepted in two runs, so there are two runs each time.
        """
        self.reloads = "always"
        for _ in range(12):
            self.simulation.advance(hours=83)
            for _ in range(2):
                self.simulation.advance(hours=1)
                self._reload()
                assert self._run() == "returned"
        *_, newest = self.simulation.generations
        if len(self.simulation.generations) > 1:
            created = self.aws.certificates.certificates[newest].created
            assert self.simulation.now - created <= 2 * OVERLAP + timedelta(days=12)
        else:
            assert self.simulation.bundle == [newest]
        self.undisturbed = True

    @rule()
    def delete_and_create_again(self) -> None:
        self.simulation.advance(minutes=10)
        old = dict(self.simulation.properties or {})
        response = self.simulation.delete()
        assert response.status == "SUCCESS", response.reason
        assert set(self.aws.certificates.certificates) == {self.foreign}
        assert not self.aws.parameters
        self.bundled_since = {}
        for stage in self.aws.stages.values():
            if stage.certificate == self.foreign:
                stage.certificate = None
        response = self.simulation.create(old)
        assert response.status == "SUCCESS", response.reason
        self.trusted = list(self.simulation.bundle)
        self._succeeded()

    @invariant()
    def foreign_resources_are_unchanged(self) -> None:
        if hasattr(self, "foreign"):
            certificate = self.aws.certificates.certificates[self.foreign]
            assert certificate.tags == {"team": "other"}
            assert certificate.description == "somebody else's"

    @invariant()
    def no_presented_certificate_expires(self) -> None:
        if not hasattr(self, "undisturbed") or not self.undisturbed:
            return
        for stage in self.simulation.properties["Stages"]:  # type: ignore[index]
            id = self.simulation.presented[stage]
            assert id is not None
            assert self.aws.certificates.certificates[id].expires > self.simulation.now
            assert self._accepts({}, id), "a refused handshake"


@pytest.mark.parametrize("part", range(4))
def test_random_histories_break_no_rule(simulation: Simulation, part: int) -> None:
    Rotation.simulation = simulation
    nightly = os.environ.get("HISTORIES") == "nightly"
    # Draw the same histories each time, so that a failure is caused by a change of the code.
    machine = Rotation if nightly else seed(part)(type(f"Part{part}", (Rotation,), {}))
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=500 if nightly else 50,
            stateful_step_count=60 if nightly else 40,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
