"""If a module of the rotation cannot be imported, the request or the task fails."""

import shutil
from pathlib import Path

import pytest

from handler_testing.environment import Environment
from tests.fault.expect import expect_failure

PACKAGE = Path(__file__).parents[2] / "lambda_handler" / "rotation"
MODULES = {path.name for path in PACKAGE.glob("*.py")}


@pytest.fixture
def broken(
    environment: Environment, asset: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Make the import of the given module fail."""
    environment.asset = tmp_path / "asset"
    shutil.copytree(asset, environment.asset)
    module = environment.asset / "lambda_handler" / "rotation" / request.param
    assert module.exists()
    module.write_text("not Python code")


@pytest.mark.failure_mode(55)
@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize("broken", sorted(MODULES - {"task.py"}), indirect=True)
def test_responds_failed_when_the_rotation_cannot_be_imported(environment: Environment) -> None:
    event = environment.event("Create", ResourceType="Custom::ApiGatewayRotatingClientCertificate")
    assert environment.function().invoke(event).outcome == "returned"
    _, reason = expect_failure(environment, event)
    assert "SyntaxError" in reason
    assert not environment.api_gateway.calls


@pytest.mark.failure_mode(55)
@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize("broken", sorted(MODULES - {"resource.py"}), indirect=True)
def test_run_raises_when_the_rotation_cannot_be_imported(environment: Environment) -> None:
    outcome = environment.function().invoke({"task": "rotate", "resources": []}).outcome
    assert outcome.startswith("raised SyntaxError")
