"""Call the example backends through stages of a REST API; tests/backends calls them directly."""

import pytest

from demo.backend import rest_api
from demo.servers import COMMANDS, GREETING
from tests.backends.servers import serve
from tests.e2e.support import ScenarioContext


@pytest.mark.parametrize("backend", COMMANDS)
def test_backend_accepts_only_stages_with_a_trusted_certificate(
    context: ScenarioContext, backend: str
) -> None:
    generated = {name: context.generate(name) for name in ("current", "next", "other")}
    bundle = "".join(generated[name]["pemEncodedCertificate"] for name in ("current", "next"))
    ids = {name: made["clientCertificateId"] for name, made in generated.items()}
    _, certificate, key = context.server_files
    with serve(backend, bundle, (certificate, key)) as server:
        api = rest_api(context.gateway, f"https://localhost:{server.port}/", {**ids, "none": None})
        responses = {stage: context.aws.invoke(api, stage) for stage in (*ids, "none")}
    context.gateway.delete_rest_api(restApiId=api)
    context.delete(*ids.values())

    assert responses["current"] == responses["next"] == (200, GREETING)
    for stage in ("other", "none"):
        status, body = responses[stage]
        assert status >= 400
        assert GREETING not in body
