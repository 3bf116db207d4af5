"""Deploy stacks with existing certificates: looked up, adopted, or retained by a destroy."""

from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_aws.cdk import CdkError
from tests.e2e.support import App, ScenarioContext, scenario

Certificate = dict[str, Any]


@dataclass(frozen=True)
class LookedUp:
    existing: Certificate
    native: Certificate
    outputs: dict[str, str]
    existing_after_destroy: Certificate
    native_is_gone: bool


@scenario
def looked_up(context: ScenarioContext) -> LookedUp:
    existing = context.generate()
    id = existing["clientCertificateId"]
    app = context.example("lookup.py")
    app.deploy(existing=id)
    resources = context.aws.client("cloudformation").describe_stack_resources(StackName="Lookup")
    [native_id] = [
        resource["PhysicalResourceId"]
        for resource in resources["StackResources"]
        if resource["ResourceType"] == "AWS::ApiGateway::ClientCertificate"
    ]
    native = context.certificate(native_id)
    app.destroy()
    after = context.certificate(id)
    context.delete(id)
    return LookedUp(existing, native, app.outputs("Lookup"), after, _is_gone(context, native_id))


def test_lookup_returns_the_pem_of_a_native_certificate(looked_up: LookedUp) -> None:
    assert looked_up.outputs["NativePem"] == looked_up.native["pemEncodedCertificate"]


def test_lookup_by_id_returns_pem_and_expiration(looked_up: LookedUp) -> None:
    assert looked_up.outputs["ExistingPem"] == looked_up.existing["pemEncodedCertificate"]
    expires = looked_up.existing["expirationDate"]
    assert looked_up.outputs["ExistingExpires"] == f"{expires:%Y-%m-%dT%H:%M:%S}Z"


def test_lookup_neither_changes_nor_deletes_the_certificate(looked_up: LookedUp) -> None:
    left = looked_up.existing_after_destroy
    for name in ("clientCertificateId", "pemEncodedCertificate", "description"):
        assert left[name] == looked_up.existing[name]
    assert left.get("tags", {}) == {}
    assert looked_up.native_is_gone, "the stack owned the native certificate"


@scenario
def missing(context: ScenarioContext) -> str:
    app = context.example("lookup.py", **{'"Lookup"': '"Missing"'})
    error = _deploy_error(app, existing="gone42")
    app.destroy()
    return error


def test_lookup_reports_a_missing_certificate(missing: str) -> None:
    assert "client certificate gone42 does not exist in this account and Region" in missing


@dataclass(frozen=True)
class Adopted:
    existing: Certificate
    outputs: dict[str, str]
    managed_certificate: Certificate
    difference: str
    refusal: str
    after_destroy: Certificate
    after_refusal: Certificate


@scenario
def adopted(context: ScenarioContext) -> Adopted:
    existing = context.generate()
    id = existing["clientCertificateId"]
    app = context.example("adopt.py")
    app.deploy(existing=id)
    managed_certificate = context.certificate(id)
    difference = app.diff()
    app.destroy()
    after_destroy = context.certificate(id)
    # The retained certificate still has the tags of the first stack, so that stack owns it.
    elsewhere = context.example("adopt.py", **{'"Adopt"': '"Elsewhere"'})
    refusal = _deploy_error(elsewhere, existing=id)
    elsewhere.destroy()
    after_refusal = context.certificate(id)
    context.delete(id)
    return Adopted(
        existing,
        app.outputs("Adopt"),
        managed_certificate,
        difference,
        refusal,
        after_destroy,
        after_refusal,
    )


def test_adoption_tags_the_certificate_and_returns_its_pem(adopted: Adopted) -> None:
    assert adopted.managed_certificate["tags"]["team"] == "edge"
    assert ":stack/Adopt/" in adopted.managed_certificate["tags"]["client-certificate:stack-id"]
    assert adopted.managed_certificate["description"] == adopted.existing["description"]
    assert adopted.outputs["Pem"] == adopted.existing["pemEncodedCertificate"]


def test_diff_is_empty_after_adoption(adopted: Adopted) -> None:
    assert "There were no differences" in adopted.difference


def test_destroy_retains_an_adopted_certificate(adopted: Adopted) -> None:
    assert adopted.after_destroy == adopted.managed_certificate | {
        "ResponseMetadata": adopted.after_destroy["ResponseMetadata"]
    }


def test_adoption_is_refused_while_another_stack_owns_the_certificate(adopted: Adopted) -> None:
    id = adopted.existing["clientCertificateId"]
    assert f"client certificate {id} belongs to stack arn:aws:cloudformation:" in adopted.refusal
    assert ":stack/Adopt/" in adopted.refusal
    assert adopted.after_refusal["tags"] == adopted.managed_certificate["tags"]


@dataclass(frozen=True)
class Retained:
    first_pem: str
    second_pem: str
    kept: list[Certificate]


@scenario
def retained(context: ScenarioContext) -> Retained:
    made = 'description="calls of the orders API"'
    app = context.example(
        "minimal.py", **{made: f"{made}, removal_policy=cdk.RemovalPolicy.RETAIN"}
    )
    app.deploy()
    first = app.outputs("Minimal")["Pem"]
    app.destroy()
    app.deploy_again()
    second = app.outputs("Minimal")["Pem"]
    app.destroy()
    kept = context.certificates_of("Minimal")
    context.delete(*(item["clientCertificateId"] for item in kept))
    return Retained(first, second, kept)


def test_deploy_after_destroy_ignores_a_retained_certificate(retained: Retained) -> None:
    assert retained.first_pem != retained.second_pem
    assert {item["pemEncodedCertificate"] for item in retained.kept} == {
        retained.first_pem,
        retained.second_pem,
    }


def _deploy_error(app: App, **context: str) -> str:
    """Return the CLI's output of a deploy that fails, unwrapped into one line."""
    with pytest.raises(CdkError) as failed:
        app.deploy(**context)
    return " ".join(failed.value.output.split())


def _is_gone(context: ScenarioContext, id: str) -> bool:
    try:
        context.certificate(id)
    except ClientError as error:
        return error.response["Error"]["Code"] == "NotFoundException"
    return False
