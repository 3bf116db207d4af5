"""Attach a certificate to a stage, then replace the certificate."""

from dataclasses import dataclass
from typing import Any

from demo.backend import GREETING, Backend
from tests.e2e.support import ScenarioContext, scenario

STACK = "Api"
ACCEPTED = (200, GREETING)


@dataclass(frozen=True)
class State:
    """State after a deploy, with responses of a backend that trusts one certificate only."""

    certificate: dict[str, Any]
    stage_presents: str
    when_trusting_it: tuple[int, bytes]
    when_trusting_another: tuple[int, bytes]


@dataclass(frozen=True)
class Result:
    first: State
    renewed: State
    left_certificates: list[str]
    left_apis: list[str]


@scenario
def presented(context: ScenarioContext) -> Result:
    other = context.generate()
    _, certificate, key = context.server_files
    with Backend(certificate, key, other["pemEncodedCertificate"]) as backend:
        api = context.example("api.py")
        api.deploy(backend=backend.url)
        first = _state(context, backend, api.outputs(STACK)["ApiId"], other)
        # Another construct ID: another certificate, in place of the first.
        renewed = context.example("api.py", **{'stack, "Certificate"': 'stack, "Renewed"'})
        renewed.deploy(backend=backend.url)
        second = _state(context, backend, renewed.outputs(STACK)["ApiId"], first.certificate)
        renewed.destroy()
    context.delete(other["clientCertificateId"])
    return Result(
        first,
        second,
        [item["clientCertificateId"] for item in context.certificates_of(STACK)],
        [
            item["name"]
            for item in context.gateway.get_rest_apis()["items"]
            if item["name"] == "Orders"
        ],
    )


def _state(
    context: ScenarioContext, backend: Backend, api_id: str, another: dict[str, Any]
) -> State:
    certificate = context.certificate_of(STACK)
    backend.trust(another["pemEncodedCertificate"])
    when_trusting_another = context.aws.invoke(api_id, "prod")
    backend.trust(certificate["pemEncodedCertificate"])
    stage = context.gateway.get_stage(restApiId=api_id, stageName="prod")
    return State(
        certificate,
        stage["clientCertificateId"],
        context.aws.invoke(api_id, "prod"),
        when_trusting_another,
    )


def test_stage_presents_the_certificate_to_the_backend(presented: Result) -> None:
    first = presented.first
    assert first.stage_presents == first.certificate["clientCertificateId"]
    assert first.when_trusting_it == ACCEPTED
    assert first.when_trusting_another != ACCEPTED, "the backend trusts another certificate only"


def test_stage_presents_the_new_certificate_after_a_replacement(presented: Result) -> None:
    old, new = presented.first, presented.renewed
    assert new.certificate["clientCertificateId"] != old.certificate["clientCertificateId"]
    # `certificate_of` fails unless the stack has exactly one certificate: the old one is deleted.
    assert new.stage_presents == new.certificate["clientCertificateId"]
    assert new.when_trusting_it == ACCEPTED
    assert new.when_trusting_another != ACCEPTED, (
        "the backend still trusts the old certificate only"
    )


def test_destroy_leaves_neither_certificate_nor_api(presented: Result) -> None:
    assert presented.left_certificates == []
    assert presented.left_apis == []
