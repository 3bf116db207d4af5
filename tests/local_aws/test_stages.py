"""Test stages, which present a certificate and prevent its deletion."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from demo.backend import GREETING, Backend, server_certificate
from local_aws import LocalAws


@contextmanager
def backend_that_trusts(pem: str, files: tuple[Path, Path, Path]) -> Iterator[str]:
    """Run a backend that accepts one client certificate, and yield its URL."""
    _, certificate, private_key = files
    with Backend(certificate, private_key, pem) as backend:
        yield backend.url


def generate(client: Any) -> tuple[str, str]:
    generated = client.generate_client_certificate()
    return generated["clientCertificateId"], generated["pemEncodedCertificate"]


def api_in_front_of(client: Any, url: str, kind: str = "HTTP_PROXY") -> tuple[str, str]:
    """Create a REST API whose root calls the URL, and return its ID and its deployment's."""
    api = client.create_rest_api(name="front")["id"]
    root = client.get_resources(restApiId=api)["items"][0]["id"]
    method = {"restApiId": api, "resourceId": root, "httpMethod": "GET"}
    client.put_method(**method, authorizationType="NONE")
    client.put_integration(**method, type=kind, integrationHttpMethod="GET", uri=url)
    return api, client.create_deployment(restApiId=api)["id"]


def attach(client: Any, api: str, stage: str, id: str) -> dict[str, Any]:
    """Attach a certificate by an update, since CreateStage has no such parameter."""
    patch = {"op": "replace", "path": "/clientCertificateId", "value": id}
    return dict(client.update_stage(restApiId=api, stageName=stage, patchOperations=[patch]))


def make_stage(client: Any, api: str, deployment: str, name: str, id: str | None = None) -> None:
    client.create_stage(restApiId=api, stageName=name, deploymentId=deployment)
    if id:
        attach(client, api, name, id)


@pytest.mark.parametrize("kind", ["HTTP_PROXY", "HTTP"])
def test_backend_accepts_only_the_stage_with_its_certificate(
    aws: LocalAws,
    client: Any,
    backend_files: tuple[Path, Path, Path],
    kind: str,
) -> None:
    (right, pem), (wrong, _) = generate(client), generate(client)
    with backend_that_trusts(pem, backend_files) as url:
        api, deployment = api_in_front_of(client, url, kind)
        for name, id in (("right", right), ("wrong", wrong), ("none", None)):
            make_stage(client, api, deployment, name, id)

        assert aws.invoke(api, "right") == (200, GREETING)
        assert aws.invoke(api, "wrong")[0] == 500
        assert aws.invoke(api, "none")[0] == 500


def test_backend_with_an_untrusted_certificate_is_not_called(
    aws: LocalAws, client: Any, tmp_path: Path
) -> None:
    id, pem = generate(client)
    with backend_that_trusts(pem, server_certificate(tmp_path)) as url:
        api, deployment = api_in_front_of(client, url)
        make_stage(client, api, deployment, "prod", id)
        assert aws.invoke(api, "prod")[0] == 500


def test_update_changes_the_certificate_of_a_stage(
    aws: LocalAws, client: Any, backend_files: tuple[Path, Path, Path]
) -> None:
    id, pem = generate(client)
    with backend_that_trusts(pem, backend_files) as url:
        api, deployment = api_in_front_of(client, url)
        make_stage(client, api, deployment, "prod")

        assert attach(client, api, "prod", id)["clientCertificateId"] == id
        assert aws.invoke(api, "prod") == (200, GREETING)
        assert "clientCertificateId" not in attach(client, api, "prod", "")
        assert aws.invoke(api, "prod")[0] == 500


def test_certificate_cannot_be_deleted_before_its_stage(client: Any) -> None:
    id, _ = generate(client)
    api, deployment = api_in_front_of(client, "https://localhost:1/")
    make_stage(client, api, deployment, "prod", id)
    with pytest.raises(client.exceptions.BadRequestException, match=f"{api}/prod"):
        client.delete_client_certificate(clientCertificateId=id)
    client.delete_stage(restApiId=api, stageName="prod")
    client.delete_client_certificate(clientCertificateId=id)


def test_stage_refuses_a_missing_certificate(client: Any) -> None:
    api, deployment = api_in_front_of(client, "https://localhost:1/")
    make_stage(client, api, deployment, "prod")
    with pytest.raises(client.exceptions.BadRequestException, match="gone42"):
        attach(client, api, "prod", "gone42")
    assert "clientCertificateId" not in client.get_stage(restApiId=api, stageName="prod")


def test_certificate_of_a_websocket_stage_cannot_be_deleted(aws: LocalAws, client: Any) -> None:
    id, _ = generate(client)
    sockets = aws.client("apigatewayv2")
    api = sockets.create_api(
        Name="sockets", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action"
    )["ApiId"]
    stage = sockets.create_stage(ApiId=api, StageName="prod", ClientCertificateId=id)
    assert stage["ClientCertificateId"] == id
    with pytest.raises(client.exceptions.BadRequestException, match=f"{api}/prod"):
        client.delete_client_certificate(clientCertificateId=id)
    with pytest.raises(ClientError, match="gone42"):
        sockets.update_stage(ApiId=api, StageName="prod", ClientCertificateId="gone42")
    with pytest.raises(ClientError, match="gone42"):
        sockets.create_stage(ApiId=api, StageName="test", ClientCertificateId="gone42")
    sockets.update_stage(ApiId=api, StageName="prod", ClientCertificateId="")
    client.delete_client_certificate(clientCertificateId=id)
    sockets.delete_api(ApiId=api)


def method_of(client: Any, api: str) -> dict[str, str]:
    root = client.get_resources(restApiId=api)["items"][0]["id"]
    return {"restApiId": api, "resourceId": root, "httpMethod": "GET"}


def test_test_invocation_presents_the_given_certificate(
    client: Any, backend_files: tuple[Path, Path, Path]
) -> None:
    (right, pem), (wrong, _) = generate(client), generate(client)
    with backend_that_trusts(pem, backend_files) as url:
        api, _ = api_in_front_of(client, url)
        method = method_of(client, api)
        accepted = client.test_invoke_method(**method, clientCertificateId=right)
        assert (accepted["status"], accepted["body"]) == (200, GREETING.decode())
        refused = client.test_invoke_method(**method, clientCertificateId=wrong)
        assert refused["status"] == 500
        assert client.test_invoke_method(**method)["status"] == 500


def test_test_invocation_of_a_mock_needs_no_backend(client: Any) -> None:
    api, _ = api_in_front_of(client, "https://localhost:1/", kind="MOCK")
    accepted = client.test_invoke_method(**method_of(client, api), pathWithQueryString="/?a=b")
    assert (accepted["status"], accepted["body"]) == (200, "{}")


def test_test_invocation_refuses_a_missing_certificate_or_method(client: Any) -> None:
    api, _ = api_in_front_of(client, "https://localhost:1/")
    method = method_of(client, api)
    with pytest.raises(client.exceptions.BadRequestException, match="gone42"):
        client.test_invoke_method(**method, clientCertificateId="gone42")
    with pytest.raises(client.exceptions.NotFoundException):
        client.test_invoke_method(**{**method, "httpMethod": "POST"})
