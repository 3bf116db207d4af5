"""The example backends behind stages of a REST API: tests/backends calls them without stages."""

import pytest

from demo.backend import rest_api
from tests.backends.servers import COMMANDS, GREETING, serve
from tests.e2e.support import Scene


@pytest.mark.parametrize("backend", COMMANDS)
def test_backend_accepts_the_stages_of_both_generations_only(scene: Scene, backend: str) -> None:
    generated = {name: scene.generate(name) for name in ("current", "next", "other")}
    bundle = "".join(generated[name]["pemEncodedCertificate"] for name in ("current", "next"))
    ids = {name: made["clientCertificateId"] for name, made in generated.items()}
    _, certificate, key = scene.server_files
    with serve(backend, bundle, (certificate, key)) as port:
        api = rest_api(scene.gateway, f"https://localhost:{port}/", {**ids, "none": None})
        responses = {stage: scene.aws.invoke(api, stage) for stage in (*ids, "none")}
    scene.gateway.delete_rest_api(restApiId=api)
    scene.delete(*ids.values())

    assert responses["current"] == responses["next"] == (200, GREETING)
    for stage in ("other", "none"):
        status, body = responses[stage]
        assert status >= 400
        assert GREETING not in body
