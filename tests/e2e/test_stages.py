"""A stage that presents the certificate, which is then replaced by another one."""

from dataclasses import dataclass
from typing import Any

from demo.backend import GREETING, Backend
from tests.e2e.support import Scene, story

STACK = "Api"
ANSWERED = (200, GREETING)


@dataclass(frozen=True)
class Seen:
    """What a deploy led to. The answers are the backend's, by whose certificate it trusted."""

    certificate: dict[str, Any]
    stage_presents: str
    trusting_it: tuple[int, bytes]
    trusting_another: tuple[int, bytes]


@dataclass(frozen=True)
class Story:
    first: Seen
    renewed: Seen
    left_certificates: list[str]
    left_apis: list[str]


@story
def presented(scene: Scene) -> Story:
    other = scene.generate()
    _, certificate, key = scene.server_files
    with Backend(certificate, key, other["pemEncodedCertificate"]) as backend:
        api = scene.example("api.py")
        api.deploy(backend=backend.url)
        first = _seen(scene, backend, api.outputs(STACK)["ApiId"], other)
        # Another construct ID: another certificate, in place of the first.
        renewed = scene.example("api.py", **{'stack, "Certificate"': 'stack, "Renewed"'})
        renewed.deploy(backend=backend.url)
        second = _seen(scene, backend, renewed.outputs(STACK)["ApiId"], first.certificate)
        renewed.destroy()
    scene.delete(other["clientCertificateId"])
    return Story(
        first,
        second,
        [item["clientCertificateId"] for item in scene.certificates_of(STACK)],
        [
            item["name"]
            for item in scene.gateway.get_rest_apis()["items"]
            if item["name"] == "Orders"
        ],
    )


def _seen(scene: Scene, backend: Backend, api_id: str, another: dict[str, Any]) -> Seen:
    certificate = scene.certificate_of(STACK)
    backend.trust(another["pemEncodedCertificate"])
    trusting_another = scene.aws.invoke(api_id, "prod")
    backend.trust(certificate["pemEncodedCertificate"])
    stage = scene.gateway.get_stage(restApiId=api_id, stageName="prod")
    return Seen(
        certificate,
        stage["clientCertificateId"],
        scene.aws.invoke(api_id, "prod"),
        trusting_another,
    )


def test_the_stage_presents_the_certificate_to_the_backend(presented: Story) -> None:
    first = presented.first
    assert first.stage_presents == first.certificate["clientCertificateId"]
    assert first.trusting_it == ANSWERED
    assert first.trusting_another != ANSWERED, "the backend trusts another certificate only"


def test_the_stage_presents_the_new_certificate_after_a_replacement(presented: Story) -> None:
    old, new = presented.first, presented.renewed
    assert new.certificate["clientCertificateId"] != old.certificate["clientCertificateId"]
    # The stack has one certificate by then, `certificate_of` says: the old one is gone.
    assert new.stage_presents == new.certificate["clientCertificateId"]
    assert new.trusting_it == ANSWERED
    assert new.trusting_another != ANSWERED, "the backend still trusts the old certificate only"


def test_a_destroy_leaves_neither_certificate_nor_api(presented: Story) -> None:
    assert presented.left_certificates == []
    assert presented.left_apis == []
