"""Fixtures of the fault tests."""

import itertools
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cdk_apigateway_client_certificate import _handler_code
from local_aws import client_certificates
from tests.fault.fakes import SIGNATURE, World, world
from tests.fault.quick_handler import InProcess


@pytest.fixture(scope="session")
def asset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packaged handler, assembled as at synth."""
    folder = tmp_path_factory.mktemp("asset")
    assert _handler_code._LocalBundling().try_bundle(str(folder))
    return folder


@pytest.fixture(scope="session")
def issued() -> list[tuple[str, str, datetime]]:
    """A few real certificates: an RSA key for each one that a test makes would take minutes."""
    return [client_certificates._issue() for _ in range(5)]


@pytest.fixture(autouse=True)
def _quick_certificates(
    monkeypatch: pytest.MonkeyPatch, issued: list[tuple[str, str, datetime]]
) -> None:
    turns = itertools.cycle(issued)

    def issue() -> tuple[str, str, datetime]:
        pem, key, _ = next(turns)
        return pem, key, datetime.now(UTC).replace(microsecond=0)

    monkeypatch.setattr(client_certificates, "_issue", issue)


@pytest.fixture
def aws(tmp_path: Path, asset: Path) -> Iterator[World]:
    """API Gateway, CloudFormation and the packaged handler; no test may leak the signed URL."""
    with world(tmp_path, asset) as made:
        yield made
    assert SIGNATURE not in made.told()
    assert not re.search(r"X-Amz|/answer-|/redirected", made.told())


@pytest.fixture
def here(aws: World, monkeypatch: pytest.MonkeyPatch) -> InProcess:
    """The handler in this process, where no pause takes time."""
    return InProcess(aws, monkeypatch)


@pytest.fixture(params=[True, False], ids=["tags-in-list", "no-tags-in-list"])
def tags_told(aws: World, request: pytest.FixtureRequest) -> bool:
    """Both things that the real list may do; API Gateway's documentation does not say which."""
    aws.api.api.tags_in_list = request.param
    return bool(request.param)
