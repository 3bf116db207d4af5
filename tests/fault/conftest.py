"""Fixtures of the fault tests."""

import itertools
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from cdk_apigateway_client_certificate import _handler_code
from handler_testing.environment import Environment, create_environment
from handler_testing.fake_cloudformation import SIGNATURE
from handler_testing.in_process_function import InProcessFunction
from local_aws import issuing


@pytest.fixture(scope="session")
def asset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the packaged handler, bundled as at synth."""
    folder = tmp_path_factory.mktemp("asset")
    assert _handler_code._LocalBundling().try_bundle(str(folder))
    return folder


@pytest.fixture(scope="session")
def issued() -> list[tuple[str, str, datetime]]:
    """Return a few genuine certificates."""
    return [issuing.issue_certificate() for _ in range(5)]


@pytest.fixture(autouse=True)
def _reuse_certificates(
    monkeypatch: pytest.MonkeyPatch, issued: list[tuple[str, str, datetime]]
) -> None:
    """Issue the same few certificates again: new RSA keys for all tests would take minutes."""
    certificates = itertools.cycle(issued)

    def issue(created: datetime) -> tuple[str, str, datetime]:
        pem, key, _ = next(certificates)
        return pem, key, created.replace(microsecond=0)

    monkeypatch.setattr(issuing, "issue_certificate", issue)


@pytest.fixture
def environment(tmp_path: Path, asset: Path) -> Iterator[Environment]:
    """Create an environment; afterwards, check that no output contains part of a ResponseURL."""
    with create_environment(tmp_path, asset) as environment:
        yield environment
    output = environment.output()
    assert SIGNATURE not in output
    assert not re.search(r"X-Amz|/response-|/redirected", output)


@pytest.fixture
def in_process(environment: Environment, monkeypatch: pytest.MonkeyPatch) -> InProcessFunction:
    """Return the handler in this process, with sleeps that return at once."""
    return InProcessFunction(environment, monkeypatch)


@pytest.fixture(params=[True, False], ids=["tags-in-list", "no-tags-in-list"])
def tags_in_list(environment: Environment, request: pytest.FixtureRequest) -> bool:
    """Return whether lists contain tags; API Gateway's documentation does not say."""
    environment.api_gateway.store.tags_in_list = request.param
    return bool(request.param)
