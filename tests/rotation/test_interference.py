"""What a run does while CloudFormation or a person changes the same things."""

from collections.abc import Callable

import pytest

from handler_testing.api_errors import error
from local_aws.responses import Response
from tests.rotation.simulation import (
    BETA,
    CHECK,
    PARAMETER,
    PROD,
    Call,
    ReceivedResponse,
    SimulatedStage,
    Simulation,
    properties,
)
from tests.rotation.test_faults import issue, rotate_to_published


def at_call(simulation: Simulation, number: int, act: Callable[[], object]) -> None:
    """Act once, just before the call of this number from now on."""
    left = [number]

    def before(_call: Call) -> None:
        left[0] -= 1
        if left[0] == 0:
            act()

    simulation.aws.before = before


def check_both_stages(simulation: Simulation) -> None:
    """Check that the next run leaves both stages attached and both PEMs published."""
    simulation.advance(hours=1)
    assert simulation.run() == "returned"
    old, new = simulation.generations
    assert simulation.presented == {PROD: old, BETA: old}
    assert simulation.bundle == [old, new]


# CloudFormation during a run.


@pytest.mark.parametrize("number", range(1, 24, 4))
def test_stage_that_is_added_during_a_run_is_attached(simulation: Simulation, number: int) -> None:
    simulation.aws.stages[BETA] = SimulatedStage()
    simulation.create(properties())
    simulation.advance(days=306)
    responses: list[ReceivedResponse] = []
    at_call(simulation, number, lambda: responses.append(simulation.update(Stages=[PROD, BETA])))
    assert simulation.run() == "returned"
    (response,) = responses
    assert response.status == "SUCCESS", response.reason
    check_both_stages(simulation)


@pytest.mark.parametrize("number", range(1, 36, 6))
def test_run_during_an_update_does_not_disturb_it(simulation: Simulation, number: int) -> None:
    simulation.aws.stages[BETA] = SimulatedStage()
    simulation.create(properties())
    simulation.advance(days=306)
    outcomes: list[str] = []
    at_call(simulation, number, lambda: outcomes.append(simulation.run()))
    response = simulation.update(Stages=[PROD, BETA])
    assert outcomes == ["returned"]
    assert response.status == "SUCCESS", response.reason
    check_both_stages(simulation)


@pytest.mark.failure_mode(63)
@pytest.mark.parametrize("seconds", [0, 1, 240])
def test_event_that_is_delivered_twice_counts_as_one_check(
    simulation: Simulation, seconds: int
) -> None:
    old, _ = rotate_to_published(simulation, BackendChecks=[CHECK])
    simulation.aws.accepts = lambda _variables, id: id == old
    simulation.advance(days=20)
    assert simulation.run() == "returned"
    simulation.aws.accepts = lambda _variables, id: id != ""
    simulation.advance(hours=1)
    scheduled = simulation.now
    assert simulation.run(scheduled) == "returned"
    simulation.advance(seconds=seconds)
    assert simulation.run(scheduled) == "returned"
    assert simulation.presented == {PROD: old}
    simulation.advance(hours=1)
    assert simulation.run() == "returned"
    assert old not in simulation.presented.values()


# The parameter.


@pytest.mark.failure_mode(50)
@pytest.mark.parametrize("change", ["crlf", "foreign", "foreign-first", "large"])
def test_parameter_edited_by_hand_without_loss_does_not_restart_the_wait(
    simulation: Simulation, change: str
) -> None:
    old, new = rotate_to_published(simulation)
    parameter = simulation.aws.parameters[PARAMETER]
    value = parameter.value
    foreign = simulation.aws.certificates.certificates[issue(simulation)].pem
    parameter.value = {
        "crlf": value.replace("\n", "\r\n"),
        "foreign": value + foreign,
        "foreign-first": foreign + "\n" + value,
        "large": value + 5000 * "#",
    }[change]
    simulation.advance(days=13)
    assert simulation.run() == "returned"
    assert simulation.aws.parameters[PARAMETER].value == value
    simulation.advance(days=1, hours=1)
    assert simulation.run() == "returned"
    assert simulation.presented == {PROD: new}
    assert simulation.bundle == [new, old]


# One stage of several.


@pytest.mark.failure_mode(58)
def test_stage_that_cannot_be_switched_keeps_its_certificate(simulation: Simulation) -> None:
    simulation.aws.stages[BETA] = SimulatedStage()
    old, new = rotate_to_published(simulation, Stages=[PROD, BETA])
    denied = [f"PATCH {BETA}"]
    simulation.aws.before = lambda call: (
        error(403, "AccessDeniedException") if call.name in denied else None
    )
    simulation.advance(days=15)
    outcome = simulation.run()
    assert "was not permitted" in outcome
    assert BETA in outcome
    for _ in range(3):
        simulation.advance(days=10)
        simulation.run()
    assert simulation.presented == {PROD: new, BETA: old}
    assert simulation.bundle == [old, new]
    denied.clear()
    simulation.run_every(24, days=20)
    assert simulation.presented == {PROD: new, BETA: new}
    assert simulation.bundle == [new]


@pytest.mark.failure_mode(58)
@pytest.mark.parametrize(
    "response",
    [error(403, "AccessDeniedException"), error(429, "TooManyRequestsException")],
    ids=["denied", "throttled"],
)
def test_nothing_is_done_while_a_stage_cannot_be_read(
    simulation: Simulation, response: Response
) -> None:
    """It may present what the other stages are about to give up."""
    simulation.aws.stages[BETA] = SimulatedStage()
    old, new = rotate_to_published(simulation, Stages=[PROD, BETA])
    simulation.aws.before = lambda call: response if call.name == f"GET {BETA}" else None
    simulation.advance(days=40)
    assert simulation.run() != "returned"
    assert simulation.presented == {PROD: old, BETA: old}
    assert simulation.bundle == [old, new]


@pytest.mark.failure_mode(56)
def test_retired_certificate_deleted_by_hand_leaves_the_bundle(simulation: Simulation) -> None:
    old, new = rotate_to_published(simulation)
    simulation.advance(days=15)
    assert simulation.run() == "returned"
    del simulation.aws.certificates.certificates[old]
    simulation.advance(hours=1)
    assert simulation.run() == "returned"
    assert simulation.presented == {PROD: new}
    assert simulation.bundle == [new]
