"""Check that IAM policies are enforced for users and roles."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_aws import LocalAws
from tests.local_aws.model import validate_responses

ROOT = "arn:aws:apigateway:us-east-1::"
TAGS = f"{ROOT}/tags/arn%3Aaws%3Aapigateway%3Aus-east-1%3A%3A%2Fclientcertificates%2F"
Statement = tuple[str, str]
Call = Callable[[Any, str], Any]


def arn(id: str) -> str:
    return f"{ROOT}/clientcertificates/{id}"


PATCH = [{"op": "replace", "path": "/description", "value": "new"}]
# The permissions that each call needs, as verb and resource with `{}` for the certificate's ID.
# API Gateway documents no further permission for a generate call with tags.
CALLS: dict[str, tuple[Call, list[Statement]]] = {
    "generate": (
        lambda client, _: client.generate_client_certificate(),
        [("POST", f"{ROOT}/clientcertificates")],
    ),
    "generate with tags": (
        lambda client, _: client.generate_client_certificate(tags={"a": "b"}),
        [("POST", f"{ROOT}/clientcertificates")],
    ),
    "list": (
        lambda client, _: client.get_client_certificates(),
        [("GET", f"{ROOT}/clientcertificates")],
    ),
    "get": (
        lambda client, id: client.get_client_certificate(clientCertificateId=id),
        [("GET", f"{ROOT}/clientcertificates/{{}}")],
    ),
    "update": (
        lambda client, id: client.update_client_certificate(
            clientCertificateId=id, patchOperations=PATCH
        ),
        [("PATCH", f"{ROOT}/clientcertificates/{{}}")],
    ),
    "delete": (
        lambda client, id: client.delete_client_certificate(clientCertificateId=id),
        [("DELETE", f"{ROOT}/clientcertificates/{{}}")],
    ),
    "tag": (
        lambda client, id: client.tag_resource(resourceArn=arn(id), tags={"a": "b"}),
        [("PUT", f"{TAGS}{{}}"), ("PATCH", f"{ROOT}/clientcertificates/{{}}")],
    ),
    "untag": (
        lambda client, id: client.untag_resource(resourceArn=arn(id), tagKeys=["a"]),
        [("DELETE", f"{TAGS}{{}}")],
    ),
    "get tags": (
        lambda client, id: client.get_tags(resourceArn=arn(id)),
        [("GET", f"{TAGS}{{}}")],
    ),
}
EVERYTHING = sorted({statement for _, needed in CALLS.values() for statement in needed})


def policy(statements: list[Statement], id: str) -> str:
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Action": f"apigateway:{verb}",
                    "Resource": resource.format(id),
                }
                for verb, resource in statements
            ],
        }
    )


class User:
    """An IAM user with a replaceable policy."""

    def __init__(self, aws: LocalAws) -> None:
        self.iam = aws.client("iam")
        self.iam.create_user(UserName="small")
        key = self.iam.create_access_key(UserName="small")["AccessKey"]
        self.client = validate_responses(
            aws.client(
                "apigateway",
                aws_access_key_id=key["AccessKeyId"],
                aws_secret_access_key=key["SecretAccessKey"],
            )
        )

    def allow_only(self, statements: list[Statement], id: str) -> None:
        document = policy(statements, id)
        self.iam.put_user_policy(UserName="small", PolicyName="all", PolicyDocument=document)


@pytest.fixture(scope="module")
def user(aws: LocalAws) -> User:
    return User(aws)


@pytest.fixture
def id(client: Any) -> str:
    return str(client.generate_client_certificate(tags={"a": "b"})["clientCertificateId"])


@pytest.mark.parametrize("name", CALLS)
def test_call_succeeds_with_only_its_permissions(user: User, id: str, name: str) -> None:
    call, needed = CALLS[name]
    user.allow_only(needed, id)
    call(user.client, id)


@pytest.mark.parametrize(
    ("name", "missing"),
    [(name, missing) for name, (_, needed) in CALLS.items() for missing in needed],
)
def test_call_is_denied_without_one_of_its_permissions(
    user: User, client: Any, id: str, name: str, missing: Statement
) -> None:
    before = client.get_client_certificates()["items"]
    user.allow_only([statement for statement in EVERYTHING if statement != missing], id)
    with pytest.raises(ClientError) as refused:
        CALLS[name][0](user.client, id)
    assert refused.value.response["Error"]["Code"] == "AccessDeniedException"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert f"apigateway:{missing[0]}" in refused.value.response["Error"]["Message"]
    assert client.get_client_certificates()["items"] == before


def test_tag_calls_need_the_url_encoded_arn(user: User, id: str) -> None:
    user.allow_only([("GET", f"{ROOT}/tags/{ROOT}/clientcertificates/{{}}")], id)
    with pytest.raises(ClientError, match="AccessDenied"):
        user.client.get_tags(resourceArn=arn(id))


def test_permission_covers_only_the_named_certificate(user: User, client: Any, id: str) -> None:
    other = client.generate_client_certificate()["clientCertificateId"]
    user.allow_only(EVERYTHING, other)
    for name in ("get", "update", "delete", "tag", "untag", "get tags"):
        with pytest.raises(ClientError, match="AccessDenied"):
            CALLS[name][0](user.client, id)


@pytest.mark.usefixtures("client")
def test_assumed_role_has_the_permissions_of_its_policy(aws: LocalAws, id: str) -> None:
    iam, sts = aws.client("iam"), aws.client("sts")
    trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = iam.create_role(RoleName="small", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    given = policy(CALLS["get"][1], id)
    iam.put_role_policy(RoleName="small", PolicyName="all", PolicyDocument=given)
    session = sts.assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    as_role = aws.client(
        "apigateway",
        aws_access_key_id=session["AccessKeyId"],
        aws_secret_access_key=session["SecretAccessKey"],
        aws_session_token=session["SessionToken"],
    )
    as_role.get_client_certificate(clientCertificateId=id)
    with pytest.raises(ClientError, match="AccessDenied"):
        as_role.delete_client_certificate(clientCertificateId=id)


def test_unknown_credentials_are_refused(aws: LocalAws) -> None:
    stranger = aws.client(
        "apigateway", aws_access_key_id="AKIAAAAAAAAAAAAAAAAA", aws_secret_access_key="x"
    )
    with pytest.raises(ClientError, match="UnrecognizedClientException"):
        stranger.get_client_certificates()
