"""Count the calls of a run that changes nothing, for one and for many certificates."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from lambda_handler.contract import FUNCTION_TIMEOUT_SECONDS
from tests.rotation.simulation import SimulatedStage, Simulation, properties

LIST, TAGS = "GET /clientcertificates", "GET /tags"
REQUESTS_PER_SECOND = 10
"""API Gateway's quota for an account. Source: API Gateway developer guide, "Quotas"."""


def create(simulation: Simulation, count: int) -> Mapping[str, Mapping[str, Any]]:
    """Create certificates with a stage and a parameter each; return their properties."""
    resources = {
        f"Certificate{number}": properties(
            Stages=[f"/restapis/r{number}/stages/prod"], TrustParameterName=f"/trust/{number}"
        )
        for number in range(count)
    }
    for logical_id, desired in resources.items():
        simulation.aws.stages[desired["Stages"][0]] = SimulatedStage()
        created = simulation.request("Create", desired, logical_id=logical_id)
        assert created.status == "SUCCESS", created.reason
    return resources


def calls_of_idle_run(
    simulation: Simulation, resources: Mapping[str, Mapping[str, Any]]
) -> Counter[str]:
    """Count the calls of the next run by operation. Stages count by their kind of API."""
    simulation.advance(hours=1)
    simulation.aws.calls.clear()
    assert simulation.run_all(resources) == "returned"
    kinds = ((TAGS, TAGS), ("GET /restapis/", "GET stage"))
    return Counter(
        next((kind for prefix, kind in kinds if name.startswith(prefix)), name)
        for name in simulation.aws.calls
    )


@pytest.mark.parametrize("count", [1, 40])
def test_certificates_share_one_list_call(simulation: Simulation, count: int) -> None:
    calls = calls_of_idle_run(simulation, create(simulation, count))
    assert calls == {LIST: 1, "GET stage": count, "ssm:GetParameter": count}


@pytest.mark.parametrize("count", [1, 40])
def test_reads_tags_once_per_certificate_if_lists_contain_none(
    simulation: Simulation, count: int
) -> None:
    simulation.reset(tags_in_list=False)
    resources = create(simulation, count)
    for _ in range(5):
        simulation.aws.certificates.generate("somebody's", {"client-certificate:x": "y"})
    calls = calls_of_idle_run(simulation, resources)
    assert calls == {LIST: 1, TAGS: count + 5, "GET stage": count, "ssm:GetParameter": count}
    assert calls.total() / REQUESTS_PER_SECOND < FUNCTION_TIMEOUT_SECONDS
