"""One bootstrapped account for the stories of all tests that were selected."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from demo.backend import server_certificate
from demo.demo import left_in
from local_aws import LocalAws
from local_aws.cdk import run_cdk
from tests.e2e.support import PARALLEL, STORIES, Scene


@pytest.fixture(scope="session")
def server_files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """For backends on localhost: the CA, which the account trusts, a certificate and its key."""
    return server_certificate(tmp_path_factory.mktemp("backend"))


@pytest.fixture(scope="session")
def aws(server_files: tuple[Path, Path, Path]) -> Iterator[LocalAws]:
    with LocalAws(trust=server_files[0]) as aws:
        yield aws


@pytest.fixture(scope="session")
def bootstrapped(aws: LocalAws, tmp_path_factory: pytest.TempPathFactory) -> LocalAws:
    # Validating templates takes four of a synth's six seconds. In the demo it stays on.
    aws.environment["CDK_VALIDATION"] = "false"
    folder = tmp_path_factory.mktemp("bootstrap")
    run_cdk(aws, "bootstrap", f"aws://{aws.account}/{aws.region}", "--output", str(folder))
    return aws


@pytest.fixture(scope="module")
def stories(
    request: pytest.FixtureRequest,
    bootstrapped: LocalAws,
    server_files: tuple[Path, Path, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, Future[Any]]]:
    """The stories that this module's selected tests ask for; they leave the account empty."""
    items = [item for item in request.session.items if item.path == request.path]
    wanted = {name for item in items for name in getattr(item, "fixturenames", [])}
    with ThreadPoolExecutor(PARALLEL) as pool:
        told = {
            name: pool.submit(
                tell, Scene(bootstrapped, tmp_path_factory.mktemp(name), server_files)
            )
            for name, tell in STORIES.items()
            if name in wanted
        }
        yield told
        # After a failure with -x, or an interrupt, those that have not begun need not.
        pool.shutdown(cancel_futures=True)
    if not any(story.cancelled() or story.exception() for story in told.values()):
        assert _left_in(bootstrapped) == {}


def _left_in(aws: LocalAws) -> dict[str, list[Any]]:
    """What the account holds besides the toolkit, by kind."""
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
def scene(aws: LocalAws, tmp_path: Path, server_files: tuple[Path, Path, Path]) -> Scene:
    """For tests that need the account, but neither a deploy nor the toolkit stack."""
    return Scene(aws, tmp_path, server_files)
