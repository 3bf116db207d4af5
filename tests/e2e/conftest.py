"""Provide one bootstrapped account, in which the scenarios of the selected tests run."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from demo.backend import server_certificate
from demo.demo import left_in
from local_aws import LocalAws
from local_aws.cdk import run_cdk
from tests.e2e.support import MAX_PARALLEL, SCENARIOS, ScenarioContext


@pytest.fixture(scope="session")
def server_files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """Return the CA that the account trusts, and a localhost certificate and key from it."""
    return server_certificate(tmp_path_factory.mktemp("backend"))


@pytest.fixture(scope="session")
def aws(server_files: tuple[Path, Path, Path]) -> Iterator[LocalAws]:
    with LocalAws(trust=server_files[0]) as aws:
        yield aws


@pytest.fixture(scope="session")
def bootstrapped(aws: LocalAws, tmp_path_factory: pytest.TempPathFactory) -> LocalAws:
    # Template validation takes half of the time of a synth. `make demo` and the tests of templates
    # keep it on.
    aws.environment["CDK_VALIDATION"] = "false"
    folder = tmp_path_factory.mktemp("bootstrap")
    run_cdk(aws, "bootstrap", f"aws://{aws.account}/{aws.region}", "--output", str(folder))
    return aws


@pytest.fixture(scope="module")
def scenarios(
    request: pytest.FixtureRequest,
    bootstrapped: LocalAws,
    server_files: tuple[Path, Path, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, Future[Any]]]:
    """Start the scenarios that this module's selected tests use.

    Afterwards, check that they left nothing in the account.
    """
    items = [item for item in request.session.items if item.path == request.path]
    fixtures = {name for item in items for name in getattr(item, "fixturenames", [])}
    with ThreadPoolExecutor(MAX_PARALLEL) as pool:
        futures = {
            name: pool.submit(
                run, ScenarioContext(bootstrapped, tmp_path_factory.mktemp(name), server_files)
            )
            for name, run in SCENARIOS.items()
            if name in fixtures
        }
        yield futures
        # After a failure with -x or an interrupt, do not start the remaining scenarios.
        pool.shutdown(cancel_futures=True)
    if not any(future.cancelled() or future.exception() for future in futures.values()):
        assert _left_in(bootstrapped) == {}


def _left_in(aws: LocalAws) -> dict[str, list[Any]]:
    """Return the account's resources by kind, without those of the bootstrap stack."""
    roles = aws.client("iam").list_roles()["Roles"]
    parameters = aws.client("ssm").describe_parameters()["Parameters"]
    left = left_in(aws) | {
        "APIs": aws.client("apigateway").get_rest_apis()["items"],
        "roles": [role["RoleName"] for role in roles if "-hnb659fds-" not in role["RoleName"]],
        "parameters": [
            parameter["Name"]
            for parameter in parameters
            if not parameter["Name"].startswith("/cdk-bootstrap/")
        ],
    }
    return {kind: found for kind, found in left.items() if found}


@pytest.fixture
def context(
    aws: LocalAws, tmp_path: Path, server_files: tuple[Path, Path, Path]
) -> ScenarioContext:
    """Return a context for a test that needs the account but not the bootstrap stack."""
    return ScenarioContext(aws, tmp_path, server_files)
