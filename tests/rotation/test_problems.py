"""What a run reports if no step can put it right."""

from tests.rotation.simulation import PROD, Simulation, properties


def test_run_reports_every_problem(simulation: Simulation) -> None:
    assert simulation.create(properties()).status == "SUCCESS"
    (id,) = simulation.generations
    tags = simulation.aws.certificates.certificates[id].tags
    tags["client-certificate:published-at"] = "9999-12-31T23:59:59+00:00"
    del simulation.aws.stages[PROD]
    outcome = simulation.run()
    assert "9999-12-31T23:59:59+00:00, which is in the future" in outcome
    assert f"stage {PROD} does not exist" in outcome
