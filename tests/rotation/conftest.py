"""Fixtures of the rotation's tests."""

from collections.abc import Iterator

import pytest

from tests.rotation.simulation import PROD, SimulatedStage, Simulation, simulated


@pytest.fixture
def simulation() -> Iterator[Simulation]:
    """Return the function in an account with one stage without a certificate."""
    with simulated() as simulation:
        simulation.aws.stages[PROD] = SimulatedStage()
        yield simulation
