"""Test the two switches for behavior of AWS that is not documented."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from demo.backend import GREETING
from local_aws import LocalAws, LocalAwsError
from local_aws import __main__ as command_line
from tests.local_aws.stack import Stack
from tests.local_aws.test_stages import (
    api_in_front_of,
    attach,
    backend_that_trusts,
    generate,
    make_stage,
)

ACCEPTED, REFUSED = (200, GREETING), 500


@contextmanager
def deleted(stack: Stack) -> Iterator[Stack]:
    yield stack
    stack.delete()


@pytest.fixture(scope="module")
def strict(backend_files: tuple[Path, Path, Path]) -> Iterator[LocalAws]:
    """Return an account with both switches on."""
    with LocalAws(
        trust=backend_files[0],
        certificate_needs_deployment=True,
        update_resets_certificate=True,
    ) as aws:
        yield aws


def test_certificate_takes_effect_with_the_next_deployment(
    strict: LocalAws, backend_files: tuple[Path, Path, Path]
) -> None:
    client = strict.client("apigateway")
    (old, old_pem), (new, new_pem) = generate(client), generate(client)
    with (
        backend_that_trusts(old_pem, backend_files) as trusts_old,
        backend_that_trusts(new_pem, backend_files) as trusts_new,
    ):
        apis = []
        for url in (trusts_old, trusts_new):
            api, deployment = api_in_front_of(client, url)
            make_stage(client, api, deployment, "prod", old)
            apis.append(api)

        def accepted() -> list[bool]:
            return [strict.invoke(api, "prod") == ACCEPTED for api in apis]

        assert accepted() == [False, False]
        for api in apis:
            client.create_deployment(restApiId=api, stageName="prod")
        assert accepted() == [True, False]
        for api in apis:
            attach(client, api, "prod", new)
        assert accepted() == [True, False]
        client.delete_client_certificate(clientCertificateId=old)
        assert accepted() == [True, False]
        for api in apis:
            id = client.create_deployment(restApiId=api)["id"]
            patch = {"op": "replace", "path": "/deploymentId", "value": id}
            assert accepted()[1] is False
            client.update_stage(restApiId=api, stageName="prod", patchOperations=[patch])
            if api == apis[0]:
                assert accepted() == [False, False]
        assert accepted() == [False, True]


def template(url: str, description: str, id: str | None = None) -> dict[str, Any]:
    api = {"Ref": "Api"}
    stage = {
        "RestApiId": api,
        "DeploymentId": {"Ref": "Deployment"},
        "StageName": "prod",
        "Description": description,
    }
    if id:
        stage["ClientCertificateId"] = id
    return {
        "Resources": {
            "Api": {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Name": "front"}},
            "Method": {
                "Type": "AWS::ApiGateway::Method",
                "Properties": {
                    "RestApiId": api,
                    "ResourceId": {"Fn::GetAtt": ["Api", "RootResourceId"]},
                    "HttpMethod": "GET",
                    "AuthorizationType": "NONE",
                    "Integration": {
                        "Type": "HTTP_PROXY",
                        "IntegrationHttpMethod": "GET",
                        "Uri": url,
                    },
                },
            },
            "Deployment": {
                "Type": "AWS::ApiGateway::Deployment",
                "DependsOn": "Method",
                "Properties": {"RestApiId": api},
            },
            "Stage": {"Type": "AWS::ApiGateway::Stage", "Properties": stage},
            "Sockets": {
                "Type": "AWS::ApiGatewayV2::Api",
                "Properties": {
                    "Name": "sockets",
                    "ProtocolType": "WEBSOCKET",
                    "RouteSelectionExpression": "$request.body.action",
                },
            },
            "SocketStage": {
                "Type": "AWS::ApiGatewayV2::Stage",
                "Properties": {
                    "ApiId": {"Ref": "Sockets"},
                    "StageName": "prod",
                    "Description": description,
                },
            },
        },
        "Outputs": {"Api": {"Value": api}, "Sockets": {"Value": {"Ref": "Sockets"}}},
    }


def test_stage_presents_the_certificate_of_its_creation(
    strict: LocalAws, backend_files: tuple[Path, Path, Path]
) -> None:
    client = strict.client("apigateway")
    id, pem = generate(client)
    with backend_that_trusts(pem, backend_files) as url, deleted(Stack(strict, "created")) as stack:
        stack.create(template(url, "old", id))
        assert strict.invoke(stack.outputs()["Api"], "prod") == ACCEPTED


@pytest.mark.parametrize("resets", [True, False])
@pytest.mark.usefixtures("client")
def test_switch_resets_a_certificate_missing_from_the_template(
    aws: LocalAws, strict: LocalAws, resets: bool
) -> None:
    account = strict if resets else aws
    rest, sockets = account.client("apigateway"), account.client("apigatewayv2")
    id, _ = generate(rest)

    def configured() -> list[str | None]:
        outputs = stack.outputs()
        stages = (
            rest.get_stage(restApiId=outputs["Api"], stageName="prod"),
            sockets.get_stage(ApiId=outputs["Sockets"], StageName="prod"),
        )
        return [stages[0].get("clientCertificateId"), stages[1].get("ClientCertificateId")]

    with deleted(Stack(account, "updated")) as stack:
        stack.create(template("https://localhost:1/", "old"))
        outputs = stack.outputs()
        attach(rest, outputs["Api"], "prod", id)
        sockets.update_stage(ApiId=outputs["Sockets"], StageName="prod", ClientCertificateId=id)
        assert configured() == [id, id]
        unrelated = template("https://localhost:1/", "old")
        unrelated["Resources"]["Parameter"] = {
            "Type": "AWS::SSM::Parameter",
            "Properties": {"Type": "String", "Value": "x"},
        }
        stack.update(unrelated)
        assert configured() == [id, id], "the stages have not changed"
        stack.update(template("https://localhost:1/", "new"))
        assert configured() == ([None, None] if resets else [id, id])


def test_command_line_has_both_switches(monkeypatch: pytest.MonkeyPatch) -> None:
    received = {}

    class FakeLocalAws:
        def __init__(self, *_: Any, **options: Any) -> None:
            received.update(options)
            raise LocalAwsError("stop here")

    monkeypatch.setattr(command_line, "LocalAws", FakeLocalAws)
    monkeypatch.setattr(command_line, "Interrupts", lambda: None)
    for arguments in ([], ["--certificate-needs-deployment", "--update-resets-certificate"]):
        monkeypatch.setattr(sys, "argv", ["local_aws", *arguments])
        with pytest.raises(LocalAwsError):
            command_line.main()
        for name in ("certificate_needs_deployment", "update_resets_certificate"):
            assert received[name] is bool(arguments)
