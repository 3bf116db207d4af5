"""One server for all tests; each test finds an account without client certificates."""

from collections.abc import Iterator
from typing import Any

import pytest

from local_aws import LocalAws
from local_aws.settings import ServerCertificate, issue_server_certificate
from tests.local_aws.model import hold_against_model


@pytest.fixture(scope="session")
def backend_certificate() -> ServerCertificate:
    """What the backends of HTTP integrations present; the server is told to trust its CA."""
    return issue_server_certificate()


@pytest.fixture(scope="session")
def aws(
    tmp_path_factory: pytest.TempPathFactory, backend_certificate: ServerCertificate
) -> Iterator[LocalAws]:
    authority = tmp_path_factory.mktemp("backend") / "ca.pem"
    authority.write_bytes(backend_certificate.authority)
    with LocalAws(trust=authority) as aws:
        yield aws


@pytest.fixture(scope="session")
def session_client(aws: LocalAws) -> Any:
    return hold_against_model(aws.client("apigateway"))


@pytest.fixture
def client(session_client: Any) -> Iterator[Any]:
    """API Gateway, every response held against the model, no client certificate left behind."""
    yield session_client
    for api in session_client.get_rest_apis()["items"]:
        session_client.delete_rest_api(restApiId=api["id"])
    for page in session_client.get_paginator("get_client_certificates").paginate():
        for item in page["items"]:
            session_client.delete_client_certificate(
                clientCertificateId=item["clientCertificateId"]
            )
