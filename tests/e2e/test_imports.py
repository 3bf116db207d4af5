"""Certificates that a stack did not make: looked up, adopted, and retained by an earlier deploy."""

from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_aws.cdk import CdkError
from tests.e2e.support import App, Scene, story

Certificate = dict[str, Any]


@dataclass(frozen=True)
class LookedUp:
    existing: Certificate
    native: Certificate
    outputs: dict[str, str]
    existing_after_destroy: Certificate
    native_is_gone: bool


@story
def looked_up(scene: Scene) -> LookedUp:
    existing = scene.generate()
    id = existing["clientCertificateId"]
    app = scene.example("lookup.py")
    app.deploy(existing=id)
    resources = scene.aws.client("cloudformation").describe_stack_resources(StackName="Lookup")
    [native_id] = [
        resource["PhysicalResourceId"]
        for resource in resources["StackResources"]
        if resource["ResourceType"] == "AWS::ApiGateway::ClientCertificate"
    ]
    native = scene.certificate(native_id)
    app.destroy()
    after = scene.certificate(id)
    scene.delete(id)
    return LookedUp(existing, native, app.outputs("Lookup"), after, _is_gone(scene, native_id))


def test_a_lookup_tells_the_pem_of_a_native_certificate(looked_up: LookedUp) -> None:
    assert looked_up.outputs["NativePem"] == looked_up.native["pemEncodedCertificate"]


def test_a_lookup_tells_pem_and_end_of_a_certificate_by_its_id(looked_up: LookedUp) -> None:
    assert looked_up.outputs["ExistingPem"] == looked_up.existing["pemEncodedCertificate"]
    expires = looked_up.existing["expirationDate"]
    assert looked_up.outputs["ExistingExpires"] == f"{expires:%Y-%m-%dT%H:%M:%S}Z"


def test_a_lookup_changes_nothing_and_its_destroy_deletes_nothing(looked_up: LookedUp) -> None:
    left = looked_up.existing_after_destroy
    for name in ("clientCertificateId", "pemEncodedCertificate", "description"):
        assert left[name] == looked_up.existing[name]
    assert left.get("tags", {}) == {}
    assert looked_up.native_is_gone, "the native one was the stack's own"


@story
def missing(scene: Scene) -> str:
    app = scene.example("lookup.py", **{'"Lookup"': '"Missing"'})
    said = _refusal(app, existing="gone42")
    app.destroy()
    return said


def test_a_lookup_of_a_certificate_that_does_not_exist_says_so(missing: str) -> None:
    assert "client certificate gone42 does not exist in this account and Region" in missing


@dataclass(frozen=True)
class Adopted:
    existing: Certificate
    outputs: dict[str, str]
    in_care: Certificate
    difference: str
    refusal: str
    after_destroy: Certificate
    after_refusal: Certificate


@story
def adopted(scene: Scene) -> Adopted:
    existing = scene.generate()
    id = existing["clientCertificateId"]
    app = scene.example("adopt.py")
    app.deploy(existing=id)
    in_care = scene.certificate(id)
    difference = app.diff()
    app.destroy()
    after_destroy = scene.certificate(id)
    # It was retained with the tags of the first stack, which thus still has a say in it.
    elsewhere = scene.example("adopt.py", **{'"Adopt"': '"Elsewhere"'})
    refusal = _refusal(elsewhere, existing=id)
    elsewhere.destroy()
    after_refusal = scene.certificate(id)
    scene.delete(id)
    return Adopted(
        existing, app.outputs("Adopt"), in_care, difference, refusal, after_destroy, after_refusal
    )


def test_an_adopted_certificate_is_tagged_and_its_pem_told(adopted: Adopted) -> None:
    assert adopted.in_care["tags"]["team"] == "edge"
    assert ":stack/Adopt/" in adopted.in_care["tags"]["client-certificate:stack-id"]
    assert adopted.in_care["description"] == adopted.existing["description"]
    assert adopted.outputs["Pem"] == adopted.existing["pemEncodedCertificate"]


def test_there_is_no_difference_after_an_adoption(adopted: Adopted) -> None:
    assert "There were no differences" in adopted.difference


def test_a_destroy_retains_the_adopted_certificate(adopted: Adopted) -> None:
    assert adopted.after_destroy == adopted.in_care | {
        "ResponseMetadata": adopted.after_destroy["ResponseMetadata"]
    }


def test_another_stack_is_refused_the_certificate_and_told_whose_it_is(adopted: Adopted) -> None:
    id = adopted.existing["clientCertificateId"]
    assert f"client certificate {id} belongs to stack arn:aws:cloudformation:" in adopted.refusal
    assert ":stack/Adopt/" in adopted.refusal
    assert adopted.after_refusal["tags"] == adopted.in_care["tags"]


@dataclass(frozen=True)
class Retained:
    first_pem: str
    second_pem: str
    kept: list[Certificate]


@story
def retained(scene: Scene) -> Retained:
    made = 'description="calls of the orders API"'
    app = scene.example("minimal.py", **{made: f"{made}, removal_policy=cdk.RemovalPolicy.RETAIN"})
    app.deploy()
    first = app.outputs("Minimal")["Pem"]
    app.destroy()
    app.deploy_again()
    second = app.outputs("Minimal")["Pem"]
    app.destroy()
    kept = scene.certificates_of("Minimal")
    scene.delete(*(item["clientCertificateId"] for item in kept))
    return Retained(first, second, kept)


def test_a_retained_certificate_is_not_in_the_way_of_the_next_deploy(retained: Retained) -> None:
    assert retained.first_pem != retained.second_pem
    assert {item["pemEncodedCertificate"] for item in retained.kept} == {
        retained.first_pem,
        retained.second_pem,
    }


def _refusal(app: App, **context: str) -> str:
    """What the CLI says of a deploy that fails, in one line, whatever the width it wraps at."""
    with pytest.raises(CdkError) as failed:
        app.deploy(**context)
    return " ".join(failed.value.output.split())


def _is_gone(scene: Scene, id: str) -> bool:
    try:
        scene.certificate(id)
    except ClientError as error:
        return error.response["Error"]["Code"] == "NotFoundException"
    return False
