"""docs/replace.md, step by step: each of its snippets stands here and is deployed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from demo.backend import GREETING, Backend
from local_aws.cdk import CdkError
from tests.e2e.support import Scene, story

WITHIN_ONE_STACK = [
    """\
certificate = ClientCertificate(stack, "Certificate", tags={"team": "edge"})
certificate.attach_to(api.deployment_stage)
""",
    """\
certificate = ClientCertificate(stack, "Certificate", tags={"team": "edge"})
certificate.attach_to(api.deployment_stage)
renewed = ClientCertificate(stack, "Certificate2027", tags={"team": "edge"})
""",
    """\
certificate = ClientCertificate(stack, "Certificate", tags={"team": "edge"})
renewed = ClientCertificate(stack, "Certificate2027", tags={"team": "edge"})
renewed.attach_to(api.deployment_stage)
""",
    """\
certificate = ClientCertificate(stack, "Certificate2027", tags={"team": "edge"})
certificate.attach_to(api.deployment_stage)
""",
]
ACROSS_STACKS = [
    """\
        self.presented = ClientCertificate(self, "Certificate")
""",
    """\
        self.presented = ClientCertificate(self, "Certificate")
        self.renewed = ClientCertificate(self, "Certificate2027")
""",
    """\
        previous = ClientCertificate(self, "Certificate")
        self.export_value(previous.client_certificate_id)
        self.presented = ClientCertificate(self, "Certificate2027")
""",
    """\
        self.presented = ClientCertificate(self, "Certificate2027")
""",
]


@dataclass(frozen=True)
class Seen:
    """What a deploy led to; `answer` is that of a backend that trusts `presented` alone."""

    certificates: set[str]
    presented: str
    answer: tuple[int, bytes]


@dataclass(frozen=True)
class AtOnce:
    """A deploy that skips the steps between: what it said, and what there was after it."""

    output: str
    after: Seen


@story
def within_one_stack(scene: Scene) -> list[Seen]:
    apps = [scene.example("api.py", **{WITHIN_ONE_STACK[0]: it}) for it in WITHIN_ONE_STACK]
    with _backend(scene) as backend:
        seen = []
        for app in apps:
            app.deploy(backend=backend.url)
            seen.append(_seen(scene, backend, "Api", app.outputs("Api")["ApiId"]))
        apps[-1].destroy()
    return seen


@story
def across_stacks(scene: Scene) -> tuple[list[Seen], AtOnce]:
    example = "api_in_another_stack.py"
    apps = [scene.example(example, **{ACROSS_STACKS[0]: it}) for it in ACROSS_STACKS]
    with _backend(scene) as backend:
        apps[0].deploy(backend=backend.url)
        api_id = apps[0].outputs("Orders")["ApiId"]
        seen = [_seen(scene, backend, "Certificates", api_id)]
        with pytest.raises(CdkError) as failed:
            apps[-1].deploy(backend=backend.url)
        at_once = AtOnce(failed.value.output, _seen(scene, backend, "Certificates", api_id))
        for app in apps[1:]:
            app.deploy(backend=backend.url)
            seen.append(_seen(scene, backend, "Certificates", api_id))
        apps[-1].destroy()
    return seen, at_once


@contextmanager
def _backend(scene: Scene) -> Iterator[Backend]:
    """A backend; until it is told otherwise it trusts a certificate that no stage presents."""
    _, certificate, key = scene.server_files
    unused = scene.generate()
    with Backend(certificate, key, unused["pemEncodedCertificate"]) as backend:
        yield backend
    scene.delete(unused["clientCertificateId"])


def _seen(scene: Scene, backend: Backend, stack: str, api_id: str) -> Seen:
    stage = scene.gateway.get_stage(restApiId=api_id, stageName="prod")
    presented = stage["clientCertificateId"]
    backend.trust(scene.certificate(presented)["pemEncodedCertificate"])
    certificates = {item["clientCertificateId"] for item in scene.certificates_of(stack)}
    return Seen(certificates, presented, scene.aws.invoke(api_id, "prod"))


def check_steps(first: Seen, added: Seen, attached: Seen, removed: Seen) -> None:
    """Hold the four steps against the page: what there is, and what the stage presents."""
    [old] = first.certificates
    [new] = removed.certificates
    assert old != new
    assert added.certificates == attached.certificates == {old, new}
    assert [step.presented for step in (first, added, attached, removed)] == [old, old, new, new]
    assert {step.answer for step in (first, added, attached, removed)} == {(200, GREETING)}


def test_the_steps_within_one_stack_replace_the_certificate(within_one_stack: list[Seen]) -> None:
    check_steps(*within_one_stack)


def test_the_steps_across_stacks_replace_the_certificate(
    across_stacks: tuple[list[Seen], AtOnce],
) -> None:
    steps, _ = across_stacks
    check_steps(*steps)


def test_without_the_steps_an_export_in_use_is_refused_and_nothing_changes(
    across_stacks: tuple[list[Seen], AtOnce],
) -> None:
    [first, *_], at_once = across_stacks
    assert "Delete canceled. Cannot delete export Certificates:ExportsOutput" in at_once.output
    assert "as it is in use by Orders." in at_once.output
    assert at_once.after == first
