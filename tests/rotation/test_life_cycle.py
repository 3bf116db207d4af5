"""The life cycle of a rotating certificate, without faults."""

import pytest

from tests.rotation.simulation import (
    BETA,
    CHECK,
    LIVE,
    PARAMETER,
    PROD,
    SimulatedStage,
    Simulation,
    properties,
)


def test_create_publishes_and_attaches_the_first_generation(simulation: Simulation) -> None:
    response = simulation.create(properties())
    assert response.status == "SUCCESS", response.reason
    (id,) = simulation.generations
    assert simulation.presented == {PROD: id}
    assert simulation.bundle == [id]
    assert response.attributes["ClientCertificateId"] == id
    assert response.attributes["TrustParameterName"] == PARAMETER


def test_idle_run_changes_nothing(simulation: Simulation) -> None:
    simulation.create(properties())
    simulation.advance(hours=1)
    simulation.aws.calls.clear()
    assert simulation.run() == "returned"
    assert sorted(simulation.aws.calls) == [
        "GET /clientcertificates", "GET /restapis/r1/stages/prod", "ssm:GetParameter",
    ]  # fmt: skip


def test_rotation_replaces_the_certificate_without_a_gap(simulation: Simulation) -> None:
    simulation.create(properties())
    (first,) = simulation.generations
    simulation.run_every(24, days=304)
    assert list(simulation.generations) == [first]
    simulation.run_every(24, days=2)
    _, second = simulation.generations
    assert simulation.bundle == [first, second]
    assert simulation.presented == {PROD: first}
    simulation.run_every(24, days=14)
    assert simulation.presented == {PROD: second}
    assert simulation.bundle == [second, first]
    simulation.run_every(24, days=15)
    assert list(simulation.generations) == [second]
    assert simulation.bundle == [second]


@pytest.mark.failure_mode(59)
def test_backend_decides_when_to_switch(simulation: Simulation) -> None:
    simulation.create(properties(BackendChecks=[CHECK]))
    (first,) = simulation.generations
    simulation.aws.accepts = lambda _variables, id: id == first
    simulation.run_every(24, days=330)
    assert simulation.presented == {PROD: first}
    assert "Rotation Held" in simulation.event_types
    assert simulation.metrics[-1]["RotationHeld"] == 1.0
    simulation.aws.accepts = lambda _variables, id: id != ""
    simulation.run_every(24, days=2)
    assert simulation.presented == {PROD: list(simulation.generations)[1]}
    assert simulation.metrics[-1]["RotationHeld"] == 0.0


def test_delete_leaves_nothing(simulation: Simulation) -> None:
    simulation.aws.stages |= {BETA: SimulatedStage(), LIVE: SimulatedStage()}
    simulation.create(properties(Stages=[PROD, BETA, LIVE]))
    assert len(set(simulation.presented.values())) == 1
    simulation.run_every(24, days=310)
    assert len(simulation.generations) == 2
    assert simulation.delete().status == "SUCCESS"
    assert not simulation.aws.certificates.certificates
    assert not simulation.aws.parameters
    assert set(simulation.presented.values()) == {None}
