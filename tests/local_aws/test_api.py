"""Call the client certificate API through boto3 over HTTPS."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256

from local_aws import LocalAws


def arn(id: str) -> str:
    return f"arn:aws:apigateway:us-east-1::/clientcertificates/{id}"


def replace(value: str, path: str = "/description", op: str = "replace") -> dict[str, str]:
    return {"op": op, "path": path, "value": value}


def ids(page: dict[str, Any]) -> list[str]:
    return [item["clientCertificateId"] for item in page["items"]]


def without_metadata(response: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in response.items() if name != "ResponseMetadata"}


def test_generate_returns_what_get_returns(client: Any) -> None:
    response = client.generate_client_certificate(description="mine", tags={"a": "b"})

    assert response["description"] == "mine"
    assert response["tags"] == {"a": "b"}
    id = response["clientCertificateId"]
    assert id.isalnum()
    assert id == id.lower()
    assert 6 <= len(id) <= 10
    assert without_metadata(
        client.get_client_certificate(clientCertificateId=id)
    ) == without_metadata(response)


def test_generate_omits_missing_description_and_tags(client: Any) -> None:
    assert not {"description", "tags"} & client.generate_client_certificate().keys()


def test_pem_is_a_self_signed_certificate(client: Any) -> None:
    response = client.generate_client_certificate()
    certificate = x509.load_pem_x509_certificate(response["pemEncodedCertificate"].encode())

    certificate.verify_directly_issued_by(certificate)
    key = certificate.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    assert key.key_size == 2048
    assert isinstance(certificate.signature_hash_algorithm, SHA256)
    assert certificate.subject.rfc4514_string() == "CN=ApiGateway,L=Seattle,C=US"
    assert 1000 < len(response["pemEncodedCertificate"]) <= 1200
    created, expires = response["createdDate"], response["expirationDate"]
    assert expires - created == timedelta(days=365)
    assert abs(datetime.now(UTC) - created) < timedelta(minutes=1)
    assert (certificate.not_valid_before_utc, certificate.not_valid_after_utc) == (created, expires)
    assert "PRIVATE" not in response["pemEncodedCertificate"]


def test_ids_serial_numbers_and_keys_are_unique(client: Any) -> None:
    responses = [client.generate_client_certificate() for _ in range(3)]
    pems = [
        x509.load_pem_x509_certificate(item["pemEncodedCertificate"].encode()) for item in responses
    ]
    assert len({item["clientCertificateId"] for item in responses}) == 3
    assert len({pem.serial_number for pem in pems}) == 3
    assert len({pem.public_key().public_numbers() for pem in pems}) == 3  # type: ignore[union-attr]


def test_list_pages_by_limit_and_position(client: Any) -> None:
    expected = [client.generate_client_certificate()["clientCertificateId"] for _ in range(5)]
    first = client.get_client_certificates(limit=2)
    second = client.get_client_certificates(limit=2, position=first["position"])
    third = client.get_client_certificates(limit=2, position=second["position"])

    assert [ids(first), ids(second), ids(third)] == [expected[:2], expected[2:4], expected[4:]]
    assert "position" not in third
    assert "position" not in client.get_client_certificates(limit=5)


def test_deletion_between_pages_skips_no_certificate(client: Any) -> None:
    expected = [client.generate_client_certificate()["clientCertificateId"] for _ in range(3)]
    first = client.get_client_certificates(limit=1)
    client.delete_client_certificate(clientCertificateId=expected[0])
    assert ids(client.get_client_certificates(position=first["position"])) == expected[1:]


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 501}, {"limit": -1}, {"position": "x"}])
def test_list_refuses_an_invalid_limit_or_position(client: Any, query: dict[str, Any]) -> None:
    with pytest.raises(client.exceptions.BadRequestException):
        client.get_client_certificates(**query)


def test_update_changes_only_the_description(client: Any) -> None:
    before = without_metadata(
        client.generate_client_certificate(description="old", tags={"a": "b"})
    )
    id = before["clientCertificateId"]
    after = client.update_client_certificate(
        clientCertificateId=id, patchOperations=[replace("new")]
    )
    assert without_metadata(after) == {**before, "description": "new"}
    assert without_metadata(
        client.get_client_certificate(clientCertificateId=id)
    ) == without_metadata(after)


@pytest.mark.parametrize(
    "patch",
    [
        replace("x", path="/tags"),
        replace("x", path="description"),
        replace("x", op="add"),
        {"op": "remove", "path": "/description"},
        {"op": "replace", "path": "/description"},
    ],
)
def test_update_refuses_any_other_patch(client: Any, patch: dict[str, str]) -> None:
    id = client.generate_client_certificate(description="old")["clientCertificateId"]
    with pytest.raises(client.exceptions.BadRequestException):
        client.update_client_certificate(
            clientCertificateId=id, patchOperations=[replace("new"), patch]
        )
    assert client.get_client_certificate(clientCertificateId=id)["description"] == "old"


def test_deleted_certificate_is_gone(client: Any) -> None:
    id = client.generate_client_certificate()["clientCertificateId"]
    client.delete_client_certificate(clientCertificateId=id)
    assert client.get_client_certificates()["items"] == []
    with pytest.raises(client.exceptions.NotFoundException):
        client.delete_client_certificate(clientCertificateId=id)


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("get_client_certificate", {"clientCertificateId": "gone42"}),
        ("update_client_certificate", {"clientCertificateId": "gone42", "patchOperations": []}),
        ("delete_client_certificate", {"clientCertificateId": "gone42"}),
        ("tag_resource", {"resourceArn": arn("gone42"), "tags": {"a": "b"}}),
        ("untag_resource", {"resourceArn": arn("gone42"), "tagKeys": ["a"]}),
        ("get_tags", {"resourceArn": arn("gone42")}),
    ],
)
def test_unknown_id_is_not_found(client: Any, operation: str, parameters: Any) -> None:
    with pytest.raises(client.exceptions.NotFoundException):
        getattr(client, operation)(**parameters)


def test_tags_are_added_overwritten_and_removed(client: Any) -> None:
    id = client.generate_client_certificate(tags={"a": "1", "b": "1"})["clientCertificateId"]
    client.tag_resource(resourceArn=arn(id), tags={"b": "2", "c": ""})
    assert client.get_tags(resourceArn=arn(id))["tags"] == {"a": "1", "b": "2", "c": ""}
    client.untag_resource(resourceArn=arn(id), tagKeys=["a", "b", "never there"])
    assert client.get_tags(resourceArn=arn(id), limit=1)["tags"] == {"c": ""}
    assert client.get_client_certificate(clientCertificateId=id)["tags"] == {"c": ""}
    assert client.get_client_certificates()["items"][0]["tags"] == {"c": ""}


@pytest.mark.parametrize(
    "tags",
    [
        {"": "v"},
        {"k" * 129: "v"},
        {"k": "v" * 257},
        {"aws:k": "v"},
        {"AWS:k": "v"},
        {"k#": "v"},
        {"k": "a\nb"},
        {f"k{n}": "v" for n in range(51)},
    ],
)
def test_generate_and_tag_refuse_invalid_tags(client: Any, tags: dict[str, str]) -> None:
    with pytest.raises(client.exceptions.BadRequestException):
        client.generate_client_certificate(tags=tags)
    assert client.get_client_certificates()["items"] == []
    id = client.generate_client_certificate(tags={"kept": "1"})["clientCertificateId"]
    with pytest.raises(client.exceptions.BadRequestException):
        client.tag_resource(resourceArn=arn(id), tags=tags)
    assert client.get_tags(resourceArn=arn(id))["tags"] == {"kept": "1"}


def test_accepts_tags_at_their_limits(client: Any) -> None:
    tags = {f"k{n}": "v" for n in range(48)} | {
        "k" * 128: "v" * 256,
        "aZ9 +-=._:/@": "aZ9 +-=._:/@",
    }
    id = client.generate_client_certificate(tags=tags)["clientCertificateId"]
    assert client.get_tags(resourceArn=arn(id))["tags"] == tags
    with pytest.raises(client.exceptions.BadRequestException):
        client.tag_resource(resourceArn=arn(id), tags={"51st": ""})
    client.tag_resource(resourceArn=arn(id), tags={"k0": "overwritten"})


def test_refuses_an_arn_of_a_different_region(client: Any) -> None:
    id = client.generate_client_certificate()["clientCertificateId"]
    with pytest.raises(client.exceptions.BadRequestException):
        client.get_tags(resourceArn=arn(id).replace("us-east-1", "eu-west-1"))


def test_each_region_has_its_own_certificates(client: Any, aws: LocalAws) -> None:
    client.generate_client_certificate()
    elsewhere = aws.client("apigateway", region_name="eu-west-1")
    assert elsewhere.get_client_certificates()["items"] == []


def test_other_api_gateway_operations_still_work(client: Any) -> None:
    api = client.create_rest_api(name="rest", tags={"a": "b"})
    tags = client.get_tags(resourceArn=f"arn:aws:apigateway:us-east-1::/restapis/{api['id']}")
    assert tags["tags"] == {"a": "b"}
