"""Deploys after which a published PEM must match its certificate again."""

import json
from dataclasses import dataclass

import pytest

from local_aws.cdk import CdkError
from tests.e2e.support import ScenarioContext, scenario

PUBLISH = 'certificate.publish_to_parameter("/orders/trusted-client")'


def value(context: ScenarioContext, parameter: str) -> str:
    found: str = context.aws.client("ssm").get_parameter(Name=parameter)["Parameter"]["Value"]
    return found


def version(context: ScenarioContext, parameter: str) -> int:
    found: int = context.aws.client("ssm").get_parameter(Name=parameter)["Parameter"]["Version"]
    return found


@dataclass(frozen=True)
class Republished:
    first_pem: str
    first_value: str
    second_pem: str
    second_value: str
    second_version: int
    another_value: str


@scenario
def republished(context: ScenarioContext) -> Republished:
    name, stack = "/republished/pem", {'"Parameter"': '"Republished"'}
    first = context.example("parameter.py", **stack, **{"/orders/trusted-client": name})
    first.deploy()
    first_pem = context.certificate_of("Republished")["pemEncodedCertificate"]
    first_value = value(context, name)
    second = context.example(
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
        context.certificate_of("Republished")["pemEncodedCertificate"],
        value(context, name),
        version(context, name),
        value(context, "/republished/another"),
    )
    second.destroy()
    return seen


def test_replacement_updates_the_parameter_in_place(republished: Republished) -> None:
    assert republished.first_value == republished.first_pem
    assert republished.second_value == republished.second_pem != republished.first_pem
    assert republished.second_version == 2


def test_certificate_can_be_published_to_two_parameters(republished: Republished) -> None:
    assert republished.another_value == republished.second_pem


@dataclass(frozen=True)
class Upgraded:
    refusal: str
    value_after_refusal: str
    value_after_remedy: str
    version_after_remedy: int
    pem: str


@scenario
def upgraded(context: ScenarioContext) -> Upgraded:
    name, stack = "/upgraded/pem", {'"Parameter"': '"Upgraded"'}
    as_in_the_first_release = f"""ssm.StringParameter(
        certificate, "PemParameter", parameter_name="{name}",
        description="PEM of the API Gateway client certificate Upgraded/Certificate",
        string_value=certificate.pem_encoded_certificate,
    )"""
    first = context.example(
        "parameter.py",
        **stack,
        **{PUBLISH: as_in_the_first_release, "iam\n\n": "iam, aws_ssm as ssm\n\n"},
    )
    first.deploy()
    plain = context.example("parameter.py", **stack, **{"/orders/trusted-client": name})
    with pytest.raises(CdkError) as refused:
        plain.deploy()
    value_after_refusal = value(context, name)
    old_id = "CertificatePemParameter993FC5DA"
    remedied = context.example(
        "parameter.py",
        **stack,
        **{
            PUBLISH: f'certificate.publish_to_parameter("{name}")\n'
            f'parameter.node.default_child.override_logical_id("{old_id}")'
        },
    )
    remedied.deploy()
    pem = context.certificate_of("Upgraded")["pemEncodedCertificate"]
    seen = Upgraded(
        refused.value.output,
        value_after_refusal,
        value(context, name),
        version(context, name),
        pem,
    )
    remedied.destroy()
    return seen


def test_upgrade_from_the_first_release_fails_and_rolls_back(upgraded: Upgraded) -> None:
    assert "ParameterAlreadyExists" in upgraded.refusal
    assert upgraded.value_after_refusal == upgraded.pem


def test_changelog_workaround_keeps_the_parameter(upgraded: Upgraded) -> None:
    assert upgraded.value_after_remedy == upgraded.pem
    assert upgraded.version_after_remedy == 1, "the parameter was created again or overwritten"


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


@scenario
def elsewhere(context: ScenarioContext) -> Elsewhere:
    source = context.folder / "elsewhere.py"
    source.write_text(IN_ANOTHER_STACK + "app.synth()\n")
    app = context.app(source)
    looked_up, adopted, by_parameter = [], [], []
    generated = [context.generate() for _ in range(4)]
    first, second, to_adopt, to_adopt_next = (it["clientCertificateId"] for it in generated)
    for read, managed, construct in (
        (first, to_adopt, "ByParameter"),
        (second, to_adopt_next, "ByParameter"),
        (second, to_adopt_next, "Renamed"),
    ):
        # Without change sets: those of the local AWS compare current output values with themselves
        # and find no change. The CLI skips a stack whose template is unchanged.
        app.deploy(
            *("--method=direct", "--parameters", f"Home:Id={read}"),
            looked_up=read, adopted=managed, construct=construct,
        )  # fmt: skip
        looked_up.append(value(context, "/elsewhere/looked-up"))
        adopted.append(value(context, "/elsewhere/adopted"))
        by_parameter.append(value(context, "/elsewhere/by-parameter"))
    app.destroy()
    context.delete(first, second, to_adopt, to_adopt_next)
    pems = [it["pemEncodedCertificate"] for it in generated]
    return Elsewhere(pems, looked_up, adopted, by_parameter)


def test_another_stack_reads_the_pem_of_a_new_lookup_id(elsewhere: Elsewhere) -> None:
    first, second, *_ = elsewhere.pems
    assert elsewhere.looked_up == [first, second, second]


def test_another_stack_reads_the_pem_of_a_newly_adopted_certificate(elsewhere: Elsewhere) -> None:
    *_, first, second = elsewhere.pems
    assert elsewhere.adopted == [first, second, second]


def test_lookup_by_parameter_reaches_another_stack_only_with_a_new_construct_id(
    elsewhere: Elsewhere,
) -> None:
    first, second, *_ = elsewhere.pems
    assert elsewhere.by_parameter == [first, first, second]


PEM = "-----BEGIN CERTIFICATE-----\nMIIC\nQg==\n-----END CERTIFICATE-----"


@dataclass(frozen=True)
class InJson:
    pem: str
    documents: list[str]


@scenario
def in_json(context: ScenarioContext) -> InJson:
    documents: list[str] = []
    app = context.example("json_document.py")
    app.deploy()
    pem = context.certificate_of("JsonDocument")["pemEncodedCertificate"]
    documents.append(value(context, "/orders/trust.json"))
    for default in (PEM, PEM.replace("\n", "\r\n"), PEM + "\n"):
        parameter = f'cdk.CfnParameter(stack, "Pem", default={default!r}).value_as_string'
        given = context.example(
            "json_document.py", **{"certificate.pem_encoded_certificate": parameter}
        )
        given.deploy("--method=direct", "--no-previous-parameters")
        documents.append(value(context, "/orders/trust.json"))
    app.destroy()
    return InJson(pem, documents)


def test_json_document_contains_the_pem_for_every_line_break_style(in_json: InJson) -> None:
    pems = [in_json.pem.replace("\r\n", "\n"), PEM, PEM, PEM + "\n"]
    assert [json.loads(it) for it in in_json.documents] == [
        {"trusted": pem, "version": 1} for pem in pems
    ]
