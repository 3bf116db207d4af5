"""A published PEM follows its certificate, however the certificate changes."""

from dataclasses import dataclass

import pytest

from local_aws.cdk import CdkError
from tests.e2e.support import Scene, story

PUBLISH = 'certificate.publish_to_parameter("/orders/trusted-client")'


def value(scene: Scene, parameter: str) -> str:
    found: str = scene.aws.client("ssm").get_parameter(Name=parameter)["Parameter"]["Value"]
    return found


def version(scene: Scene, parameter: str) -> int:
    found: int = scene.aws.client("ssm").get_parameter(Name=parameter)["Parameter"]["Version"]
    return found


@dataclass(frozen=True)
class Republished:
    first_pem: str
    first_value: str
    second_pem: str
    second_value: str
    second_version: int
    another_value: str


@story
def republished(scene: Scene) -> Republished:
    name, stack = "/republished/pem", {'"Parameter"': '"Republished"'}
    first = scene.example("parameter.py", **stack, **{"/orders/trusted-client": name})
    first.deploy()
    first_pem = scene.certificate_of("Republished")["pemEncodedCertificate"]
    first_value = value(scene, name)
    second = scene.example(
        "parameter.py",
        **stack,
        **{
            '"Certificate"': '"Renewed"',
            PUBLISH: f'certificate.publish_to_parameter("{name}")\n'
            'certificate.publish_to_parameter("/republished/another")',
        },
    )
    second.deploy()
    seen = Republished(
        first_pem,
        first_value,
        scene.certificate_of("Republished")["pemEncodedCertificate"],
        value(scene, name),
        version(scene, name),
        value(scene, "/republished/another"),
    )
    second.destroy()
    return seen


def test_another_construct_id_updates_the_parameter_in_place(republished: Republished) -> None:
    assert republished.first_value == republished.first_pem
    assert republished.second_value == republished.second_pem != republished.first_pem
    assert republished.second_version == 2


def test_a_certificate_is_published_under_a_further_name(republished: Republished) -> None:
    assert republished.another_value == republished.second_pem


@dataclass(frozen=True)
class Upgraded:
    refusal: str
    value_after_refusal: str
    value_after_remedy: str
    version_after_remedy: int
    pem: str


@story
def upgraded(scene: Scene) -> Upgraded:
    name, stack = "/upgraded/pem", {'"Parameter"': '"Upgraded"'}
    as_in_the_first_release = f"""ssm.StringParameter(
        certificate, "PemParameter", parameter_name="{name}",
        description="PEM of the API Gateway client certificate Upgraded/Certificate",
        string_value=certificate.pem_encoded_certificate,
    )"""
    first = scene.example(
        "parameter.py",
        **stack,
        **{PUBLISH: as_in_the_first_release, "iam\n\n": "iam, aws_ssm as ssm\n\n"},
    )
    first.deploy()
    plain = scene.example("parameter.py", **stack, **{"/orders/trusted-client": name})
    with pytest.raises(CdkError) as refused:
        plain.deploy()
    value_after_refusal = value(scene, name)
    old_id = "CertificatePemParameter993FC5DA"
    remedied = scene.example(
        "parameter.py",
        **stack,
        **{
            PUBLISH: f'certificate.publish_to_parameter("{name}")\n'
            f'parameter.node.default_child.override_logical_id("{old_id}")'
        },
    )
    remedied.deploy()
    pem = scene.certificate_of("Upgraded")["pemEncodedCertificate"]
    seen = Upgraded(
        refused.value.output,
        value_after_refusal,
        value(scene, name),
        version(scene, name),
        pem,
    )
    remedied.destroy()
    return seen


def test_an_upgrade_from_the_first_release_is_refused_and_rolled_back(upgraded: Upgraded) -> None:
    assert "ParameterAlreadyExists" in upgraded.refusal
    assert upgraded.value_after_refusal == upgraded.pem


def test_the_remedy_of_the_changelog_upgrades_in_place(upgraded: Upgraded) -> None:
    assert upgraded.value_after_remedy == upgraded.pem
    assert upgraded.version_after_remedy == 1, "neither created again nor written"
