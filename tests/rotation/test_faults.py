"""Rotation with failing calls, manual changes, and resources of other owners."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from handler_testing.api_errors import error
from local_aws.responses import Response, json_response
from tests.fault.simulation import ProcessKilled, response_url
from tests.rotation.simulation import (
    BETA,
    CHECK,
    LIVE,
    PARAMETER,
    PROD,
    STACK_ID,
    Call,
    Parameter,
    SimulatedStage,
    Simulation,
    json_error,
    properties,
)


def fail(simulation: Simulation, call: str, response: Response | None) -> None:
    """Make calls whose names start with `call` return a response. None ends the fault."""

    def before(received: Call) -> Response | None:
        return response if response and received.name.startswith(call) else None

    simulation.aws.before = before


def issue(simulation: Simulation, **tags: str) -> str:
    """Issue a certificate that the resource does not own."""
    return simulation.aws.certificates.generate("mine", tags).id


def create_until_rotation(simulation: Simulation, *, tags_in_list: bool) -> str:
    """Create in an empty account, wait until the rotation is due, and return the ID."""
    simulation.reset(tags_in_list=tags_in_list)
    simulation.aws.stages[PROD] = SimulatedStage()
    simulation.create(properties())
    (old,) = simulation.generations
    simulation.advance(days=306)
    return old


def rotate_to_published(simulation: Simulation, **changes: Any) -> tuple[str, str]:
    """Create, and run until the next generation is published; return both IDs."""
    assert simulation.create(properties(**changes)).status == "SUCCESS"
    simulation.advance(days=306)
    assert simulation.run() == "returned"
    old, new = simulation.generations
    assert simulation.bundle == [old, new]
    return old, new


# Adoption.


def test_adopted_certificate_gets_no_owner_and_stays_in_use(simulation: Simulation) -> None:
    id = issue(simulation, **{"client-certificate:request-id": "r", "team": "orders"})
    simulation.aws.stages[PROD].certificate = id
    assert simulation.create(properties(AdoptClientCertificateId=id)).status == "SUCCESS"
    tags = simulation.generations[id]
    assert "client-certificate:request-id" not in tags
    assert (tags["client-certificate:generation"], tags["team"]) == ("1", "orders")
    assert simulation.presented == {PROD: id}
    assert simulation.bundle == [id]


@pytest.mark.failure_mode(46)
def test_adopted_certificate_is_released_after_overlap_and_never_deleted(
    simulation: Simulation,
) -> None:
    id = issue(simulation)
    simulation.create(properties(AdoptClientCertificateId=id))
    simulation.run_every(24, days=340)
    (newest,) = simulation.generations
    assert newest != id
    assert simulation.bundle == [newest]
    assert simulation.aws.certificates.certificates[id].tags == {}


@pytest.mark.failure_mode(46)
def test_delete_leaves_an_adopted_certificate_attached(simulation: Simulation) -> None:
    id = issue(simulation)
    simulation.create(properties(AdoptClientCertificateId=id))
    assert simulation.delete().status == "SUCCESS"
    assert simulation.presented == {PROD: id}
    assert simulation.aws.certificates.certificates[id].tags == {}


@pytest.mark.failure_mode(46)
@pytest.mark.parametrize("writes", range(1, 8))
def test_adoption_survives_a_crash_after_any_write(simulation: Simulation, writes: int) -> None:
    id = issue(simulation, **{"client-certificate:request-id": "r"})
    left = [writes]

    def after(call: Call) -> None:
        if not call.name.startswith("GET ") and "Get" not in call.name and "List" not in call.name:
            left[0] -= 1
            if left[0] == 0:
                raise ProcessKilled

    simulation.aws.after = after
    response = simulation.create(properties(AdoptClientCertificateId=id, Description="orders"))
    assert response.status == "SUCCESS", response.reason
    assert list(simulation.aws.certificates.certificates) == [id]
    assert simulation.presented == {PROD: id}
    assert simulation.aws.certificates.certificates[id].description == "orders"


@pytest.mark.failure_mode(46)
def test_update_does_not_adopt_for_a_new_stage(simulation: Simulation) -> None:
    """The stage would present a certificate that its backend does not trust."""
    simulation.create(properties())
    other = issue(simulation)
    simulation.aws.stages[BETA] = SimulatedStage(other)
    response = simulation.update(Stages=[PROD, BETA], AdoptClientCertificateId=other)
    assert response.status == "FAILED"
    assert BETA in response.reason
    assert other in response.reason
    assert simulation.presented[BETA] == other


@pytest.mark.failure_mode(47)
def test_update_issues_a_certificate_if_the_adopted_one_is_missing(simulation: Simulation) -> None:
    id = issue(simulation)
    simulation.create(properties(AdoptClientCertificateId=id))
    simulation.aws.stages[PROD].certificate = None
    del simulation.aws.certificates.certificates[id]
    assert simulation.update(Description="again").status == "SUCCESS"
    (new,) = simulation.generations
    assert simulation.presented == {PROD: new}


# Ownership.


@pytest.mark.failure_mode(48)
def test_create_refuses_a_stage_that_presents_a_foreign_certificate(
    simulation: Simulation,
) -> None:
    other = issue(simulation)
    simulation.aws.stages[PROD].certificate = other
    response = simulation.create(properties())
    assert response.status == "FAILED"
    assert PROD in response.reason
    assert other in response.reason
    assert simulation.presented == {PROD: other}
    assert list(simulation.aws.certificates.certificates) == [other]
    assert not simulation.aws.parameters


@pytest.mark.failure_mode(49)
def test_foreign_parameter_is_neither_written_nor_deleted(simulation: Simulation) -> None:
    simulation.aws.parameters[PARAMETER] = Parameter("theirs", 1, {"team": "other"})
    response = simulation.create(properties())
    assert response.status == "FAILED"
    assert PARAMETER in response.reason
    assert simulation.aws.parameters[PARAMETER] == Parameter("theirs", 1, {"team": "other"})
    assert not simulation.aws.certificates.certificates


@pytest.mark.failure_mode(49)
def test_parameter_name_cannot_change_and_the_rollback_succeeds(simulation: Simulation) -> None:
    simulation.create(properties())
    (id,) = simulation.generations
    response = simulation.update(TrustParameterName="/other")  # sends the rollback too
    assert response.status == "FAILED"
    assert "/other" in response.reason
    assert list(simulation.aws.parameters) == [PARAMETER]
    assert simulation.presented == {PROD: id}


@pytest.mark.failure_mode(60)
def test_failed_create_restores_the_previous_state(simulation: Simulation) -> None:
    id = issue(simulation)
    simulation.aws.stages |= {PROD: SimulatedStage(id), BETA: SimulatedStage()}
    fail(simulation, f"PATCH {BETA}", error(400, "BadRequestException"))
    response = simulation.create(properties(Stages=[PROD, BETA], AdoptClientCertificateId=id))
    assert response.status == "FAILED"
    assert simulation.presented == {PROD: id, BETA: None}
    assert simulation.aws.certificates.certificates[id].tags == {}
    assert not simulation.aws.parameters


# The next certificate and the backend.


@pytest.mark.failure_mode(44)
@pytest.mark.parametrize(
    "response",
    [
        error(403, "AccessDeniedException"),
        error(504, "EndpointRequestTimedOutException"),
        error(429, "TooManyRequestsException"),
    ],
    ids=["denied", "timed-out", "throttled"],
)
def test_failing_check_call_counts_as_neither_accepted_nor_refused(
    simulation: Simulation, response: Response
) -> None:
    old, new = rotate_to_published(simulation, BackendChecks=[CHECK])
    simulation.advance(days=20)
    accepted = simulation.generations[new]["client-certificate:accepted-at"]
    fail(simulation, "POST /restapis", response)
    assert simulation.run() != "returned"
    assert simulation.generations[new]["client-certificate:accepted-at"] == accepted
    assert simulation.presented == {PROD: old}
    assert "Rotation Held" not in simulation.event_types


@pytest.mark.failure_mode(45)
@pytest.mark.parametrize("checks", [[], [CHECK]], ids=["without-checks", "with-checks"])
def test_expired_certificate_is_replaced_in_one_run(
    simulation: Simulation, checks: list[str]
) -> None:
    simulation.create(properties(BackendChecks=checks))
    (old,) = simulation.generations
    simulation.aws.accepts = lambda _variables, id: id != old
    simulation.advance(days=500)
    assert simulation.run() == "returned"
    (new,) = set(simulation.presented.values())
    assert new not in (old, None)
    assert simulation.bundle == [new]


@pytest.mark.failure_mode(45)
def test_expired_certificate_that_the_backend_accepts_stays(simulation: Simulation) -> None:
    simulation.create(properties(BackendChecks=[CHECK]))
    (old,) = simulation.generations
    simulation.aws.accepts = lambda _variables, id: id == old
    simulation.advance(days=500)
    assert simulation.run() == "returned"
    assert simulation.presented == {PROD: old}
    assert simulation.bundle[0] == old


def test_response_of_the_backend_is_never_logged(simulation: Simulation) -> None:
    rotate_to_published(simulation, BackendChecks=[CHECK])
    assert any("checked" in line for line in simulation.logs)
    assert not any("secret" in line for line in simulation.logs)


def test_check_that_needs_no_certificate_is_reported(simulation: Simulation) -> None:
    rotate_to_published(simulation, BackendChecks=[CHECK])
    assert any("proves nothing" in line for line in simulation.logs)


def test_no_pem_is_logged(simulation: Simulation) -> None:
    rotate_to_published(simulation)
    assert any('"step": "Publish"' in line for line in simulation.logs)
    assert not any("BEGIN CERTIFICATE" in line for line in simulation.logs)


# Faults.


@pytest.mark.failure_mode(40)
def test_certificate_in_use_elsewhere_stays_trusted_and_fails_each_run(
    simulation: Simulation,
) -> None:
    old, _ = rotate_to_published(simulation)
    simulation.aws.stages["/restapis/other/stages/prod"] = SimulatedStage(old)
    simulation.advance(days=15)
    assert simulation.run() == "returned"
    simulation.advance(days=15)
    for _ in range(2):
        assert "other/prod" in simulation.run()
        assert old in simulation.bundle
        simulation.advance(hours=1)
    assert simulation.update(Description="x").status == "SUCCESS"
    assert len(simulation.bundle) <= 3


@pytest.mark.failure_mode(41)
def test_full_quota_fails_the_run_but_not_a_deploy(simulation: Simulation) -> None:
    simulation.create(properties())
    (old,) = simulation.generations
    simulation.advance(days=306)
    fail(simulation, "POST /clientcertificates", error(429, "LimitExceededException"))
    assert "quota" in simulation.run()
    assert simulation.update(Description="x").status == "SUCCESS"
    assert simulation.presented == {PROD: old}


@pytest.mark.failure_mode(42)
def test_bundle_that_could_not_be_announced_is_announced_by_the_next_run(
    simulation: Simulation,
) -> None:
    """A backend that does not poll would otherwise never load the next certificate."""
    simulation.create(properties())
    simulation.advance(days=306)
    simulation.aws.events.clear()
    fail(simulation, "events:", json_error("AccessDeniedException"))
    assert simulation.run() != "returned"
    fail(simulation, "events:", None)
    simulation.advance(hours=1)
    assert simulation.run() == "returned"
    assert "Trust Bundle Published" in simulation.event_types


def test_each_new_certificate_is_announced_once(simulation: Simulation) -> None:
    rotate_to_published(simulation)
    assert simulation.event_types == [
        "Client Certificate Generated",
        "Trust Bundle Published",
        "Stages Switched",
        "Client Certificate Generated",
        "Trust Bundle Published",
    ]


@pytest.mark.failure_mode(43)
def test_missing_stage_fails_the_run_without_stopping_the_others(simulation: Simulation) -> None:
    simulation.aws.stages[BETA] = SimulatedStage()
    simulation.create(properties(Stages=[PROD, BETA]))
    (old,) = simulation.generations
    del simulation.aws.stages[BETA]
    simulation.advance(days=306)
    assert BETA in simulation.run()
    simulation.advance(days=15)
    assert BETA in simulation.run()
    assert simulation.presented[PROD] not in (old, None)


@pytest.mark.failure_mode(50)
@pytest.mark.parametrize("value", [None, "", "not a PEM"])
def test_lost_or_edited_bundle_is_restored(simulation: Simulation, value: str | None) -> None:
    old, new = rotate_to_published(simulation)
    simulation.advance(days=13)
    if value is None:
        del simulation.aws.parameters[PARAMETER]
    else:
        simulation.aws.parameters[PARAMETER].value = value
    assert simulation.run() == "returned"
    assert simulation.bundle == [old, new]
    simulation.advance(days=13)
    assert simulation.run() == "returned"
    assert simulation.presented == {PROD: old}  # the wait starts again
    simulation.advance(days=2)
    assert simulation.run() == "returned"
    assert simulation.presented == {PROD: new}


@pytest.mark.failure_mode(47)
def test_run_without_any_certificate_reports_it_and_writes_nothing(
    simulation: Simulation,
) -> None:
    simulation.create(properties())
    simulation.aws.stages[PROD].certificate = None
    simulation.aws.certificates.certificates.clear()
    simulation.aws.calls.clear()
    assert "no client certificate" in simulation.run()
    assert simulation.metrics[-1]["DaysToExpiry"] == -1
    assert not [it for it in simulation.aws.calls if not it.startswith("GET")
                and it != "ssm:GetParameter"]  # fmt: skip


@pytest.mark.failure_mode(51)
def test_time_in_the_far_future_issues_one_certificate_at_most(simulation: Simulation) -> None:
    """A wrong clock must not use up the account's quota."""
    simulation.create(properties())
    simulation.run(datetime(2099, 1, 1, tzinfo=UTC))
    assert simulation.aws.calls.count("POST /clientcertificates") == 2


@pytest.mark.failure_mode(51)
def test_run_older_than_the_newest_state_changes_nothing(simulation: Simulation) -> None:
    simulation.create(properties())
    simulation.run(simulation.now + timedelta(days=310))
    before = dict(simulation.generations)
    simulation.advance(days=309, hours=23)
    simulation.aws.calls.clear()
    assert simulation.run() == "returned"
    assert simulation.generations == before
    assert len(simulation.aws.calls) == 3


@pytest.mark.failure_mode(51)
def test_deploy_older_than_the_newest_state_does_not_claim_success(
    simulation: Simulation,
) -> None:
    simulation.create(properties())
    simulation.run(simulation.now + timedelta(days=310))
    simulation.aws.stages[BETA] = SimulatedStage()
    response = simulation.update(Stages=[PROD, BETA])
    assert response.status == "FAILED"
    assert BETA in response.reason


def test_run_fails_while_a_state_tag_is_in_the_future(simulation: Simulation) -> None:
    _, new = rotate_to_published(simulation)
    tags = simulation.aws.certificates.certificates[new].tags
    tags["client-certificate:published-at"] = "9999-12-31T23:59:59+00:00"
    before = dict(simulation.generations)
    assert "9999-12-31T23:59:59+00:00, which is in the future" in simulation.run()
    assert simulation.generations == before


@pytest.mark.parametrize("moment", ["soon", "2027-01-01", ""], ids=str)
def test_state_tag_edited_by_hand_does_not_crash_a_run(simulation: Simulation, moment: str) -> None:
    _, new = rotate_to_published(simulation)
    simulation.aws.certificates.certificates[new].tags["client-certificate:published-at"] = moment
    assert simulation.run() == "returned"


# Lists.


@pytest.mark.failure_mode(52)
@pytest.mark.parametrize("tags_in_list", [True, False])
def test_list_that_omits_the_new_certificate_does_not_hide_the_old_one(
    simulation: Simulation, tags_in_list: bool
) -> None:
    old = create_until_rotation(simulation, tags_in_list=tags_in_list)

    def lagging(call: Call) -> Response | None:
        if call.name != "GET /clientcertificates":
            return None
        document = json.loads(simulation.aws.certificates.handle(
            "GET", "/clientcertificates", call.query, b"").body)  # fmt: skip
        items = [it for it in document["item"] if it["clientCertificateId"] == old]
        return json_response(200, {"item": items})

    simulation.aws.after = lagging
    assert simulation.run() == "returned"
    assert simulation.presented == {PROD: old}
    assert simulation.bundle[0] == old
    assert len(simulation.bundle) == 2


def test_idle_run_reads_the_tags_of_each_certificate_once(simulation: Simulation) -> None:
    """Where lists contain no tags, a run for three resources reads each certificate's tags once."""
    simulation.reset(tags_in_list=False)
    resources = []
    for number in range(3):
        stage, parameter = f"/restapis/r1/stages/s{number}", f"/trust/{number}"
        simulation.aws.stages[stage] = SimulatedStage()
        given = properties(Stages=[stage], TrustParameterName=parameter)
        logical_id = f"Auth{number}"
        event = _create_event(simulation, logical_id, given)
        simulation._invoke(event)
        resources.append({"StackId": STACK_ID, "LogicalId": logical_id, **given})
    issue(simulation)
    simulation.aws.calls.clear()
    outcome = simulation._invoke({"task": "rotate", "resources": resources})
    assert outcome == "returned"
    assert sum(it.startswith("GET /tags") for it in simulation.aws.calls) == 4
    assert simulation.aws.calls.count("GET /clientcertificates") == 1


def _create_event(simulation: Simulation, logical_id: str, given: dict[str, Any]) -> dict[str, Any]:
    return {
        "RequestType": "Create",
        "ResponseURL": response_url(simulation.clock, "response"),
        "StackId": STACK_ID,
        "RequestId": f"request-{logical_id}",
        "ResourceType": "Custom::ApiGatewayRotatingClientCertificate",
        "LogicalResourceId": logical_id,
        "ResourceProperties": {"ServiceToken": "arn:function", **given},
    }


# Concurrent runs and malformed input of the schedule.


@pytest.mark.failure_mode(53)
@pytest.mark.parametrize("tags_in_list", [True, False])
def test_concurrent_runs_keep_one_next_certificate(
    simulation: Simulation, tags_in_list: bool
) -> None:
    old = create_until_rotation(simulation, tags_in_list=tags_in_list)
    nested = [True]

    def before(call: Call) -> None:
        if call.name == "POST /clientcertificates" and nested.pop():
            nested.append(False)
            assert simulation.run() == "returned"
        nested[:] = [False]

    simulation.aws.before = before
    assert simulation.run() == "returned"
    simulation.advance(hours=1)
    assert simulation.run() == "returned"
    assert len(simulation.generations) == 2
    assert simulation.bundle == list(simulation.generations)
    assert simulation.presented == {PROD: old}


@pytest.mark.failure_mode(54)
@pytest.mark.parametrize(
    "entry",
    [None, "x", {}, {"StackId": 1}, {"StackId": STACK_ID, "LogicalId": "X"},
     {"StackId": STACK_ID, "LogicalId": "X", **properties(Stages=["x"])},
     {"StackId": STACK_ID, "LogicalId": "X", **properties(OverlapSeconds="nan")}],
)  # fmt: skip
def test_malformed_entry_does_not_stop_the_others(simulation: Simulation, entry: object) -> None:
    simulation.create(properties())
    resource = {"StackId": STACK_ID, "LogicalId": "BackendAuth4E7ABB08", **properties()}
    simulation.aws.stages[PROD].certificate = None
    simulation.advance(hours=1)
    event = {"task": "rotate", "time": 7, "resources": [entry, resource]}
    assert "1 of 2 runs failed" in simulation._invoke(event)
    assert simulation.presented[PROD] in simulation.generations


# Deploys.


def test_description_and_42_tags_reach_all_generations(simulation: Simulation) -> None:
    def tags(name: str) -> list[dict[str, str]]:
        return [{"Key": f"{name}{n}", "Value": "v"} for n in range(42)]

    rotate_to_published(simulation, Tags=tags("a"), BackendChecks=[CHECK])
    simulation.advance(days=20)
    simulation.run()
    response = simulation.update(Tags=tags("b"), Description="new")
    assert response.status == "SUCCESS", response.reason
    for id, found in simulation.generations.items():
        assert sum(key.startswith("b") for key in found) == 42
        assert not any(key.startswith("a") for key in found)
        assert len(found) <= 50
        assert simulation.aws.certificates.certificates[id].description == "new"


def test_removed_stage_is_detached_and_an_added_one_attached(simulation: Simulation) -> None:
    simulation.aws.stages |= {BETA: SimulatedStage(), LIVE: SimulatedStage()}
    simulation.create(properties(Stages=[PROD, BETA]))
    (id,) = simulation.generations
    assert simulation.update(Stages=[PROD, LIVE]).status == "SUCCESS"
    assert simulation.presented == {PROD: id, BETA: None, LIVE: id}


def test_further_reason_waits_until_only_two_generations_exist(simulation: Simulation) -> None:
    simulation.create(properties())
    for number in range(3):
        assert simulation.update(RotationReason=f"audit {number}").status == "SUCCESS"
        simulation.advance(days=14, hours=1)
        simulation.run()
        assert len(simulation.generations) <= 3
    simulation.run_every(24, days=60)
    (newest,) = simulation.generations.values()
    assert int(newest["client-certificate:generation"]) >= 3


# Manual deletions, crashes and missing permissions.


@pytest.mark.failure_mode(56)
def test_current_certificate_deleted_by_hand_is_replaced_by_the_next_one(
    simulation: Simulation,
) -> None:
    old, new = rotate_to_published(simulation)
    simulation.aws.stages[PROD].certificate = None
    del simulation.aws.certificates.certificates[old]
    simulation.advance(hours=1)
    assert simulation.run() == "returned"
    assert simulation.presented == {PROD: new}
    assert simulation.bundle == [new]


@pytest.mark.failure_mode(56)
def test_next_certificate_deleted_by_hand_is_issued_again(simulation: Simulation) -> None:
    old, new = rotate_to_published(simulation)
    del simulation.aws.certificates.certificates[new]
    simulation.advance(hours=1)
    assert simulation.run() == "returned"
    assert simulation.presented == {PROD: old}
    first, second = simulation.generations
    assert (first, simulation.bundle) == (old, [old, second])


@pytest.mark.failure_mode(57)
@pytest.mark.parametrize("writes", range(1, 12))
def test_rotation_continues_after_a_crash_at_any_write(simulation: Simulation, writes: int) -> None:
    simulation.create(properties())
    (old,) = simulation.generations
    left = [writes]

    def after(call: Call) -> None:
        if call.name.startswith(("POST", "PUT", "PATCH", "DELETE", "ssm:Put", "events:")):
            left[0] -= 1
            if left[0] == 0:
                raise ProcessKilled

    simulation.aws.after = after
    simulation.advance(days=306)
    outcomes = []
    for _ in range(40):
        outcomes.append(simulation.run())
        simulation.advance(days=1)
    assert outcomes.count("killed") == 1
    (new,) = simulation.generations
    assert new != old
    assert simulation.presented == {PROD: new}
    assert simulation.bundle == [new]


@pytest.mark.failure_mode(58)
@pytest.mark.parametrize(
    "call", ["POST /clientcertificates", "ssm:PutParameter", "PUT /tags", "PATCH", "DELETE"]
)
def test_denied_step_fails_each_run_until_it_is_permitted(
    simulation: Simulation, call: str
) -> None:
    simulation.create(properties())
    (old,) = simulation.generations
    simulation.advance(days=306)
    of_json, denied = call.startswith("ssm:"), "AccessDeniedException"
    fail(simulation, call, json_error(denied) if of_json else error(403, denied))
    outcomes = []
    for _ in range(3):
        outcomes.append(simulation.run())
        assert None not in simulation.presented.values()
        simulation.advance(days=15)
    assert any("was not permitted" in it for it in outcomes)
    fail(simulation, call, None)
    simulation.run_every(24, days=40)
    (new,) = simulation.generations
    assert (new != old, simulation.presented, simulation.bundle) == (True, {PROD: new}, [new])


@pytest.mark.failure_mode(50)
def test_parameter_deleted_just_before_an_overwrite_stays_owned(
    simulation: Simulation,
) -> None:
    simulation.create(properties())

    def before(call: Call) -> None:
        if call.name == "ssm:PutParameter":
            simulation.aws.parameters.clear()

    simulation.aws.before = before
    simulation.advance(days=306)
    assert simulation.run() == "returned"
    assert simulation.delete().status == "SUCCESS"
    assert not simulation.aws.parameters


@pytest.mark.failure_mode(53)
def test_update_ignores_a_certificate_that_a_run_has_just_deleted(
    simulation: Simulation,
) -> None:
    old, new = rotate_to_published(simulation)
    simulation.advance(days=15)
    assert simulation.run() == "returned"

    def before(call: Call) -> None:
        if call.name.startswith("PATCH /clientcertificates"):
            simulation.aws.certificates.certificates.pop(old, None)

    simulation.aws.before = before
    response = simulation.update(Description="new")
    assert response.status == "SUCCESS", response.reason
    assert simulation.presented == {PROD: new}


@pytest.mark.failure_mode(40)
def test_delete_names_a_foreign_stage_before_it_detaches_a_managed_one(
    simulation: Simulation,
) -> None:
    simulation.create(properties())
    (id,) = simulation.generations
    other = "/restapis/other/stages/prod"
    simulation.aws.stages[other] = SimulatedStage(id)
    response = simulation.delete()
    assert response.status == "FAILED"
    assert "other/prod" in response.reason
    assert simulation.presented == {PROD: id, other: id}
    assert simulation.bundle == [id]
    simulation.aws.stages[other].certificate = None
    assert simulation.delete().status == "SUCCESS"
    assert simulation.presented[PROD] is None
    assert not simulation.aws.certificates.certificates
