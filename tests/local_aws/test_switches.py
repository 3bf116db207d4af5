"""Test quota, throttle and the list without tags, through botocore but without a server."""

import json
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config

from local_aws import ApiError, ClientCertificates
from local_aws.throttling import TokenBucket
from tests.local_aws.model import check_shape, validate_responses


def client_of(store: ClientCertificates) -> Any:
    """Return a boto3 client whose requests go directly to the store."""

    def send(request: Any, **_: Any) -> Any:
        url = urlsplit(request.url)
        assert store.handles(url.path)
        response = store.handle(request.method, url.path, parse_qs(url.query), request.body or b"")
        raw = type("Raw", (), {"stream": lambda _: iter([response.body])})()
        headers: Any = {name.lower(): value for name, value in response.headers.items()}
        return AWSResponse(request.url, response.status, headers, raw)

    client = boto3.Session(region_name="us-east-1").client(
        "apigateway",
        aws_access_key_id="none",
        aws_secret_access_key="none",
        config=Config(retries={"total_max_attempts": 1}),
    )
    client.meta.events.register("before-send.apigateway", send)
    return validate_responses(client)


def test_generate_fails_at_the_quota_until_a_deletion() -> None:
    client = client_of(ClientCertificates(quota=2))
    id = client.generate_client_certificate()["clientCertificateId"]
    client.generate_client_certificate()
    with pytest.raises(client.exceptions.LimitExceededException) as refused:
        client.generate_client_certificate()
    assert int(refused.value.response["retryAfterSeconds"]) >= 1
    client.delete_client_certificate(clientCertificateId=id)
    client.generate_client_certificate()


def test_throttle_allows_a_burst_of_40_and_10_per_second() -> None:
    now = [0.0]
    store = ClientCertificates(throttled=True, bucket=TokenBucket(clock=lambda: now[0]))
    client = client_of(store)

    def allowed(seconds: float) -> int:
        now[0] += seconds
        for number in range(100):
            try:
                client.get_client_certificates()
            except client.exceptions.TooManyRequestsException:
                return number
        return 100

    assert allowed(0) == 40
    with pytest.raises(client.exceptions.TooManyRequestsException) as refused:
        client.get_client_certificates()
    assert refused.value.response["retryAfterSeconds"] == "1"
    assert allowed(0.5) == 5
    assert allowed(1.5) == 15
    assert allowed(3600) == 40
    store.throttled = False
    assert allowed(0) == 100


def test_only_the_list_can_omit_tags() -> None:
    client = client_of(ClientCertificates(tags_in_list=False))
    id = client.generate_client_certificate(tags={"a": "b"})["clientCertificateId"]
    assert "tags" not in client.get_client_certificates()["items"][0]
    assert client.get_client_certificate(clientCertificateId=id)["tags"] == {"a": "b"}


def test_certificate_in_use_is_not_deleted() -> None:
    stages = ["api/prod"]
    client = client_of(ClientCertificates(stages_using=lambda _: stages))
    id = client.generate_client_certificate()["clientCertificateId"]
    with pytest.raises(client.exceptions.BadRequestException, match="api/prod"):
        client.delete_client_certificate(clientCertificateId=id)
    stages.clear()
    client.delete_client_certificate(clientCertificateId=id)


def test_concurrent_generates_respect_the_quota() -> None:
    store = ClientCertificates(quota=3)
    statuses: list[int] = []

    def generate() -> None:
        statuses.append(store.handle("POST", "/clientcertificates", {}, b"").status)

    threads = [threading.Thread(target=generate) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [201] * 3 + [429] * 3
    assert len(store.certificates) == 3


def test_identity_has_the_certificate_and_its_private_key() -> None:
    store = ClientCertificates()
    generated = store.generate("mine", {})
    identity = store.identity(generated.id)
    assert identity.certificate == generated.pem
    assert identity.private_key.startswith("-----BEGIN PRIVATE KEY-----")
    with pytest.raises(ApiError, match="gone42"):
        store.identity("gone42")


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'{"descripton": "typo"}', b'{"description": 1}', b'{"tags": {"a": 1}}']
)
def test_refuses_an_invalid_body(body: bytes) -> None:
    store = ClientCertificates()
    response = store.handle("POST", "/clientcertificates", {}, body)
    assert response.status == 400
    assert response.headers["x-amzn-ErrorType"] == "BadRequestException"
    assert json.loads(response.body)["message"]
    assert store.certificates == {}


@pytest.mark.parametrize(
    ("path", "handled"),
    [
        ("/clientcertificates", True),
        ("/clientcertificates/abc123", True),
        ("/tags/arn%3Aaws%3Aapigateway%3Aus-east-1%3A%3A%2Fclientcertificates%2Fabc123", True),
        ("/tags/arn%3Aaws%3Aapigateway%3Aus-east-1%3A%3A%2Frestapis%2Fabc123", False),
        ("/clientcertificatesandmore", False),
        ("/restapis/abc123", False),
    ],
)
def test_handles_only_its_own_paths(path: str, handled: bool) -> None:
    assert ClientCertificates().handles(path) is handled


def test_refuses_an_unsupported_method() -> None:
    assert ClientCertificates().handle("PUT", "/clientcertificates", {}, b"").status == 403


@pytest.mark.parametrize(
    "spoil",
    [
        lambda item: item.update(clientCertificateID="x"),
        lambda item: item.update(createdDate="2026-01-01"),
        lambda item: item.update(tags=[{"Key": "a"}]),
    ],
)
def test_model_check_rejects_invalid_responses(
    spoil: Callable[[dict[str, Any]], None],
) -> None:
    store = ClientCertificates()
    item = json.loads(store.handle("POST", "/clientcertificates", {}, b"").body)
    shape = client_of(store).meta.service_model.shape_for("ClientCertificate")
    check_shape(shape, item, "item")
    spoil(item)
    with pytest.raises(AssertionError):
        check_shape(shape, item, "item")
