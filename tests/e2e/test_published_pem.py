"""A published PEM follows its certificate, however the certificate changes."""

import json
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


IN_ANOTHER_STACK = """
import aws_cdk as cdk
from aws_cdk import aws_ssm as ssm
from cdk_apigateway_client_certificate import ClientCertificate

app = cdk.App()
home = cdk.Stack(app, "Home")
looked_up = ClientCertificate.from_client_certificate_id(
    home, "LookedUp", app.node.get_context("looked_up")
)
adopted = ClientCertificate(
    home, "Adopted", adopt_client_certificate_id=app.node.get_context("adopted")
)
by_parameter = ClientCertificate.from_client_certificate_id(
    home, app.node.get_context("construct"), cdk.CfnParameter(home, "Id").value_as_string
)
certificates = {"looked-up": looked_up, "adopted": adopted, "by-parameter": by_parameter}
for name, certificate in certificates.items():
    ssm.StringParameter(
        cdk.Stack(app, name),
        "Pem",
        parameter_name=f"/elsewhere/{name}",
        string_value=certificate.pem_encoded_certificate,
    )
"""


@dataclass(frozen=True)
class Elsewhere:
    pems: list[str]
    looked_up: list[str]
    adopted: list[str]
    by_parameter: list[str]


@story
def elsewhere(scene: Scene) -> Elsewhere:
    source = scene.folder / "elsewhere.py"
    source.write_text(IN_ANOTHER_STACK + "app.synth()\n")
    app = scene.app(source)
    looked_up, adopted, by_parameter = [], [], []
    made = [scene.generate() for _ in range(4)]
    first, second, to_adopt, to_adopt_next = (it["clientCertificateId"] for it in made)
    for read, managed, construct in (
        (first, to_adopt, "ByParameter"),
        (second, to_adopt_next, "ByParameter"),
        (second, to_adopt_next, "Renamed"),
    ):
        # Directly, since the local AWS's change sets compare what outputs hold now with itself. The
        # CLI compares the templates first, and skips a stack whose template is the same.
        app.deploy(
            *("--method=direct", "--parameters", f"Home:Id={read}"),
            looked_up=read, adopted=managed, construct=construct,
        )  # fmt: skip
        looked_up.append(value(scene, "/elsewhere/looked-up"))
        adopted.append(value(scene, "/elsewhere/adopted"))
        by_parameter.append(value(scene, "/elsewhere/by-parameter"))
    app.destroy()
    scene.delete(first, second, to_adopt, to_adopt_next)
    pems = [it["pemEncodedCertificate"] for it in made]
    return Elsewhere(pems, looked_up, adopted, by_parameter)


def test_another_stack_follows_the_id_of_a_lookup(elsewhere: Elsewhere) -> None:
    first, second, *_ = elsewhere.pems
    assert elsewhere.looked_up == [first, second, second]


def test_another_stack_follows_the_id_of_an_adopted_certificate(elsewhere: Elsewhere) -> None:
    *_, first, second = elsewhere.pems
    assert elsewhere.adopted == [first, second, second]


def test_another_construct_id_reaches_another_stack_when_synth_knows_no_id(
    elsewhere: Elsewhere,
) -> None:
    first, second, *_ = elsewhere.pems
    assert elsewhere.by_parameter == [first, first, second]


PEM = "-----BEGIN CERTIFICATE-----\nMIIC\nQg==\n-----END CERTIFICATE-----"


@dataclass(frozen=True)
class InJson:
    pem: str
    documents: list[str]


@story
def in_json(scene: Scene) -> InJson:
    documents: list[str] = []
    app = scene.example("json_document.py")
    app.deploy()
    pem = scene.certificate_of("JsonDocument")["pemEncodedCertificate"]
    documents.append(value(scene, "/orders/trust.json"))
    for default in (PEM, PEM.replace("\n", "\r\n"), PEM + "\n"):
        parameter = f'cdk.CfnParameter(stack, "Pem", default={default!r}).value_as_string'
        given = scene.example(
            "json_document.py", **{"certificate.pem_encoded_certificate": parameter}
        )
        given.deploy("--method=direct", "--no-previous-parameters")
        documents.append(value(scene, "/orders/trust.json"))
    app.destroy()
    return InJson(pem, documents)


def test_a_json_document_holds_the_pem_with_any_line_breaks(in_json: InJson) -> None:
    pems = [in_json.pem.replace("\r\n", "\n"), PEM, PEM, PEM + "\n"]
    assert [json.loads(it) for it in in_json.documents] == [
        {"trusted": pem, "version": 1} for pem in pems
    ]
