"""What happens when a rotation that was retained is created again under the same logical ID."""

import pytest

from handler_testing.api_errors import error
from tests.rotation.simulation import (
    BETA,
    PARAMETER,
    PROD,
    Call,
    SimulatedStage,
    Simulation,
    properties,
)
from tests.rotation.test_faults import fail, issue, rotate_to_published


@pytest.mark.failure_mode(61)
@pytest.mark.parametrize("days", [1, 60], ids=["waiting", "expired"])
def test_failed_create_leaves_what_was_retained(simulation: Simulation, days: int) -> None:
    old, new = rotate_to_published(simulation)
    retained = simulation.aws.parameters[PARAMETER]
    simulation.advance(days=days)
    simulation.aws.stages[BETA] = SimulatedStage()
    fail(simulation, f"PATCH {BETA}", error(400, "BadRequestException"))
    assert simulation.create(properties(Stages=[PROD, BETA])).status == "FAILED"
    assert {old, new} <= set(simulation.generations)
    assert simulation.presented[PROD] in (old, new)
    assert simulation.presented[PROD] in simulation.bundle
    assert simulation.aws.parameters[PARAMETER].tags == retained.tags


@pytest.mark.failure_mode(61)
def test_failed_create_deletes_what_it_issued_beside_what_was_retained(
    simulation: Simulation,
) -> None:
    simulation.create(properties())
    (old,) = simulation.generations
    simulation.aws.stages[BETA] = SimulatedStage()
    fail(simulation, f"PATCH {BETA}", error(400, "BadRequestException"))
    simulation.advance(days=306)
    assert simulation.create(properties(Stages=[PROD, BETA])).status == "FAILED"
    assert simulation.aws.calls.count("POST /clientcertificates") == 2
    assert list(simulation.generations) == [old]
    assert simulation.presented[PROD] == old


@pytest.mark.failure_mode(61)
def test_failed_create_does_not_release_a_retained_adopted_certificate(
    simulation: Simulation,
) -> None:
    id = issue(simulation)
    simulation.create(properties(AdoptClientCertificateId=id))
    tags = dict(simulation.generations[id])
    simulation.aws.stages[BETA] = SimulatedStage()
    fail(simulation, f"PATCH {BETA}", error(400, "BadRequestException"))
    again = properties(Stages=[PROD, BETA], AdoptClientCertificateId=id)
    assert simulation.create(again).status == "FAILED"
    assert simulation.generations == {id: tags}
    assert simulation.bundle == [id]


@pytest.mark.failure_mode(61)
def test_delete_after_a_second_create_deletes_what_was_retained(simulation: Simulation) -> None:
    rotate_to_published(simulation)
    assert simulation.create(properties()).status == "SUCCESS"
    assert simulation.delete().status == "SUCCESS"
    assert not simulation.aws.certificates.certificates
    assert not simulation.aws.parameters


@pytest.mark.failure_mode(61)
def test_delete_after_the_parameter_was_lost_deletes_all(simulation: Simulation) -> None:
    """The parameter that a run restored does not say which Create it is of."""
    rotate_to_published(simulation)
    del simulation.aws.parameters[PARAMETER]
    assert simulation.run() == "returned"
    assert simulation.delete().status == "SUCCESS"
    assert not simulation.aws.certificates.certificates
    assert not simulation.aws.parameters


@pytest.mark.failure_mode(61)
def test_create_that_cannot_take_over_the_parameter_fails_and_leaves_it(
    simulation: Simulation,
) -> None:
    rotate_to_published(simulation)
    before = dict(simulation.generations)

    def deny(call: Call) -> object:
        denied = call.name == "ssm:AddTagsToResource"
        return error(400, "ValidationException") if denied else None

    simulation.aws.before = deny  # type: ignore[assignment]
    assert simulation.create(properties()).status == "FAILED"
    assert simulation.generations == before
    assert simulation.bundle
