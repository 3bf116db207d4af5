"""A Delete looks for other users of a certificate before it detaches a managed stage."""

import pytest

from handler_testing.api_errors import error
from local_aws.responses import Response
from tests.rotation.simulation import PROD, SimulatedStage, Simulation, properties


@pytest.mark.failure_mode(62)
@pytest.mark.parametrize(
    "response",
    [error(403, "AccessDeniedException"), error(429, "TooManyRequestsException")],
    ids=["denied", "throttled"],
)
@pytest.mark.parametrize("unread", ["GET /restapis", "GET /v2/apis"])
def test_delete_detaches_nothing_while_other_stages_cannot_be_read(
    simulation: Simulation, unread: str, response: Response
) -> None:
    simulation.create(properties())
    (id,) = simulation.generations
    simulation.aws.before = lambda call: response if call.name == unread else None
    deleted = simulation.delete()
    assert deleted.status == "FAILED"
    assert "could not all be read" in deleted.reason
    assert simulation.presented == {PROD: id}
    assert simulation.bundle == [id]
    simulation.aws.stages[PROD].certificate = None  # the remedy that the Reason names
    assert simulation.delete().status == "SUCCESS"
    assert not simulation.aws.certificates.certificates


@pytest.mark.failure_mode(62)
def test_delete_reads_the_stages_of_every_api(simulation: Simulation) -> None:
    for number in range(50):
        simulation.aws.stages[f"/restapis/a{number:02}/stages/prod"] = SimulatedStage()
    simulation.create(properties())
    (id,) = simulation.generations
    simulation.aws.stages["/restapis/a49/stages/prod"].certificate = id
    deleted = simulation.delete()
    assert deleted.status == "FAILED"
    assert "a49/prod" in deleted.reason
    assert simulation.presented[PROD] == id
    simulation.aws.stages["/restapis/a49/stages/prod"].certificate = None
    assert simulation.delete().status == "SUCCESS"


@pytest.mark.failure_mode(62)
@pytest.mark.parametrize("api", ["/restapis/a1", "/v2/apis/a1"])
def test_delete_skips_an_api_that_is_deleted_while_stages_are_read(
    simulation: Simulation, api: str
) -> None:
    """CloudFormation deletes other APIs of the stack at the same time."""
    simulation.aws.stages[f"{api.removeprefix('/v2')}/stages/prod"] = SimulatedStage()
    simulation.create(properties())
    gone = error(404, "NotFoundException")
    simulation.aws.before = lambda call: gone if call.name == f"GET {api}/stages" else None
    assert simulation.delete().status == "SUCCESS"
    assert f"GET {api}/stages" in simulation.aws.calls
    assert not simulation.aws.certificates.certificates
