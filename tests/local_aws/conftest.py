"""Fixtures: one server for all tests, which each start without client certificates."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from demo.backend import server_certificate
from local_aws import LocalAws
from tests.local_aws.model import validate_responses


@pytest.fixture(scope="session")
def backend_files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """Return the CA that the server trusts, and a backend's certificate and private key."""
    return server_certificate(tmp_path_factory.mktemp("backend"))


@pytest.fixture(scope="session")
def aws(backend_files: tuple[Path, Path, Path]) -> Iterator[LocalAws]:
    with LocalAws(trust=backend_files[0]) as aws:
        yield aws


@pytest.fixture(scope="session")
def session_client(aws: LocalAws) -> Any:
    return validate_responses(aws.client("apigateway"))


@pytest.fixture
def client(session_client: Any) -> Iterator[Any]:
    """Return a client that validates responses; afterwards, delete what the test created."""
    yield session_client
    for api in session_client.get_rest_apis()["items"]:
        session_client.delete_rest_api(restApiId=api["id"])
    for page in session_client.get_paginator("get_client_certificates").paginate():
        for item in page["items"]:
            session_client.delete_client_certificate(
                clientCertificateId=item["clientCertificateId"]
            )


@pytest.fixture
def restored_clock(aws: LocalAws) -> Iterator[None]:
    """Set the account's clock to the machine's after the test."""
    yield
    aws.set_clock(datetime.now(UTC))
