"""Test the list of claims, its page, and the functions that need no AWS account."""

import re
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.verify_live.conftest import ROOT
from tools.verify_live.account import Call
from tools.verify_live.certificates import ASSUMED_STRUCTURE, describe_structure
from tools.verify_live.claims import CLAIMS, Claim
from tools.verify_live.document import PAGE, page
from tools.verify_live.permissions import without
from tools.verify_live.stages import stage_url
from tools.verify_live.synthesis import synthesize


def test_page_is_current() -> None:
    assert PAGE.read_text() == page(), "run python -m tools.verify_live.document"


def test_page_lists_every_claim_once() -> None:
    for claim in CLAIMS:
        assert PAGE.read_text().count(f"| {claim.text} |") == 1


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.text[:40])
def test_claim_names_existing_files_and_its_verification(claim: Claim) -> None:
    assert [path for path in claim.relied_on if not (ROOT / path).exists()] == []
    assert bool(claim.creates) != bool(claim.by_hand)
    assert claim.otherwise


def test_link_targets_of_the_page_exist() -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", PAGE.read_text())
    assert targets
    assert [target for target in targets if not (PAGE.parent / target).exists()] == []


def test_uses_the_policy_of_the_construct() -> None:
    synthesis = synthesize("verify-live-test", "1" * 12, "cn-north-1")
    statements = synthesis.function_policy()["Statement"]
    pairs = {
        (action, resource)
        for statement in statements
        for action in _listed(statement["Action"])
        for resource in _listed(statement["Resource"])
    }
    tags = "/tags/arn%3Aaws-cn%3Aapigateway%3Acn-north-1%3A%3A%2Fclientcertificates%2F*"
    root = "arn:aws-cn:apigateway:cn-north-1::"
    assert {("apigateway:PUT", root + tags), ("apigateway:GET", root + tags)} <= pairs
    assert ("apigateway:PATCH", f"{root}/clientcertificates/*") in pairs
    assert {action.partition(":")[0] for action, _ in pairs} == {"apigateway"}
    assert all(isinstance(resource, str) for _, resource in pairs), "unresolved resource"


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_removes_an_action_from_a_policy() -> None:
    def policy(*actions: Any) -> dict[str, Any]:
        return {"Version": "1", "Statement": [{"Action": action} for action in actions]}

    before = policy(["a:GET", "a:PATCH"], "a:PATCH", ["a:PATCH"], "a:GET")
    assert without(before, "a:PATCH") == policy(["a:GET"], "a:GET")
    assert before == policy(["a:GET", "a:PATCH"], "a:PATCH", ["a:PATCH"], "a:GET")


@pytest.mark.parametrize(
    ("call", "command"),
    [
        (
            Call("apigateway", "delete_rest_api", {"restApiId": "abc123"}),
            "aws apigateway delete-rest-api --rest-api-id abc123 --region eu-west-1",
        ),
        (
            Call("apigatewayv2", "delete_api", {"ApiId": "abc123"}),
            "aws apigatewayv2 delete-api --api-id abc123 --region eu-west-1",
        ),
        (
            Call("s3", "delete_object", {"Bucket": "b", "Key": "a key"}),
            "aws s3api delete-object --bucket b --key 'a key' --region eu-west-1",
        ),
        (
            Call("apigateway", "get_client_certificates", {}),
            "aws apigateway get-client-certificates --region eu-west-1",
        ),
    ],
)
def test_shows_a_call_as_a_command(call: Call, command: str) -> None:
    assert call.command("eu-west-1") == command


@pytest.mark.parametrize(
    ("endpoint", "custom", "url"),
    [
        (
            "https://apigateway.eu-west-1.amazonaws.com",
            None,
            "https://abc.execute-api.eu-west-1.amazonaws.com/live/",
        ),
        (
            "https://apigateway.cn-north-1.amazonaws.com.cn",
            None,
            "https://abc.execute-api.cn-north-1.amazonaws.com.cn/live/",
        ),
        (
            "https://localhost:4566",
            "https://localhost:4566",
            "https://localhost:4566/_aws/execute-api/abc/live/",
        ),
    ],
)
def test_stage_url_follows_the_endpoint(endpoint: str, custom: str | None, url: str) -> None:
    gateway = SimpleNamespace(meta=SimpleNamespace(endpoint_url=endpoint))
    account: Any = SimpleNamespace(endpoint=custom, gateway=gateway)
    assert stage_url(account, "abc", "live") == url


def pem(*, utf8: bool = False, extension: bool = False) -> str:
    """Return the PEM of a certificate with API Gateway's name."""
    key = ec.generate_private_key(ec.SECP256R1())
    kind = x509.name._ASN1Type.UTF8String if utf8 else x509.name._ASN1Type.PrintableString
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "US"),
            x509.NameAttribute(NameOID.LOCALITY_NAME, "Seattle", kind),
            x509.NameAttribute(NameOID.COMMON_NAME, "ApiGateway", kind),
        ]
    )
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
    )
    if extension:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def test_describes_the_assumed_structure() -> None:
    assert describe_structure(pem().strip().replace("\n", "\r\n")) == ASSUMED_STRUCTURE


def test_describes_a_different_structure() -> None:
    assert describe_structure(pem(utf8=True, extension=True)) == (
        "issuer and subject C=US, L=Seattle, CN=ApiGateway (PrintableString, UTF8String); "
        "extensions basicConstraints; PEM lines end in LF, the last one in LF"
    )
