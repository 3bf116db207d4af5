"""The client of the rotation demo counts accepted and refused calls by stage."""

from collections.abc import Iterator

import pytest

from demo.backend import rest_api
from demo.caller import Caller, Calls, Stage
from local_aws import LocalAws
from tests.backends.clients import Clients
from tests.backends.servers import serve


@pytest.fixture(scope="module")
def trusting_aws(clients: Clients) -> Iterator[LocalAws]:
    with LocalAws(trust=clients.authority) as aws:
        yield aws


def test_counts_accepted_and_refused_calls(trusting_aws: LocalAws, clients: Clients) -> None:
    gateway = trusting_aws.client("apigateway")
    generated = gateway.generate_client_certificate()
    with serve("Python", generated["pemEncodedCertificate"], clients.server) as server:
        stages = {"trusted": generated["clientCertificateId"], "none": None}
        api = rest_api(gateway, f"https://localhost:{server.port}/", stages)
        with Caller(trusting_aws, [Stage(name, api, name) for name in stages]) as caller:
            first = caller.take()
            assert first["trusted"].accepted >= 2
            assert first["trusted"].refused == 0
            assert first["none"].accepted == 0
            assert first["none"].refused >= 2
            assert first["none"].failure.startswith("HTTP 5")
            # From now on the stage presents nothing.
            patch = [{"op": "replace", "path": "/clientCertificateId", "value": ""}]
            gateway.update_stage(restApiId=api, stageName="trusted", patchOperations=patch)
            assert caller.take()["trusted"].refused >= 1


def test_adds_calls() -> None:
    assert Calls(1, 0) + Calls(2, 3, "HTTP 500") + Calls() == Calls(3, 3, "HTTP 500")
