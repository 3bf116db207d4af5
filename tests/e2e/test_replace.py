"""Deploy each snippet of docs/how-to/replace.md, in the page's order."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from demo.backend import GREETING, Backend
from local_aws.cdk import CdkError
from tests.e2e.support import ScenarioContext, scenario

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
class State:
    """State after a deploy; `response` is from a backend that trusts only `presented`."""

    certificates: set[str]
    presented: str
    response: tuple[int, bytes]


@dataclass(frozen=True)
class SkippedSteps:
    """The output of a deploy that skips the intermediate steps, and the state after it."""

    output: str
    after: State


@scenario
def within_one_stack(context: ScenarioContext) -> list[State]:
    apps = [context.example("api.py", **{WITHIN_ONE_STACK[0]: it}) for it in WITHIN_ONE_STACK]
    with _backend(context) as backend:
        states = []
        for app in apps:
            app.deploy(backend=backend.url)
            states.append(_state(context, backend, "Api", app.outputs("Api")["ApiId"]))
        apps[-1].destroy()
    return states


@scenario
def across_stacks(context: ScenarioContext) -> tuple[list[State], SkippedSteps]:
    example = "api_in_another_stack.py"
    apps = [context.example(example, **{ACROSS_STACKS[0]: it}) for it in ACROSS_STACKS]
    with _backend(context) as backend:
        apps[0].deploy(backend=backend.url)
        api_id = apps[0].outputs("Orders")["ApiId"]
        states = [_state(context, backend, "Certificates", api_id)]
        with pytest.raises(CdkError) as failed:
            apps[-1].deploy(backend=backend.url)
        skipped = SkippedSteps(
            failed.value.output, _state(context, backend, "Certificates", api_id)
        )
        for app in apps[1:]:
            app.deploy(backend=backend.url)
            states.append(_state(context, backend, "Certificates", api_id))
        apps[-1].destroy()
    return states, skipped


@contextmanager
def _backend(context: ScenarioContext) -> Iterator[Backend]:
    """Start a backend that trusts, at first, a certificate that no stage presents."""
    _, certificate, key = context.server_files
    unused = context.generate()
    with Backend(certificate, key, unused["pemEncodedCertificate"]) as backend:
        yield backend
    context.delete(unused["clientCertificateId"])


def _state(context: ScenarioContext, backend: Backend, stack: str, api_id: str) -> State:
    stage = context.gateway.get_stage(restApiId=api_id, stageName="prod")
    presented = stage["clientCertificateId"]
    backend.trust(context.certificate(presented)["pemEncodedCertificate"])
    certificates = {item["clientCertificateId"] for item in context.certificates_of(stack)}
    return State(certificates, presented, context.aws.invoke(api_id, "prod"))


def check_steps(first: State, added: State, attached: State, removed: State) -> None:
    """Check the certificates, and the one that the stage presents, after each of four steps."""
    [old] = first.certificates
    [new] = removed.certificates
    assert old != new
    assert added.certificates == attached.certificates == {old, new}
    assert [step.presented for step in (first, added, attached, removed)] == [old, old, new, new]
    assert {step.response for step in (first, added, attached, removed)} == {(200, GREETING)}


def test_steps_within_one_stack_replace_the_certificate(within_one_stack: list[State]) -> None:
    check_steps(*within_one_stack)


def test_steps_across_stacks_replace_the_certificate(
    across_stacks: tuple[list[State], SkippedSteps],
) -> None:
    steps, _ = across_stacks
    check_steps(*steps)


def test_skipping_the_steps_fails_because_the_export_is_in_use(
    across_stacks: tuple[list[State], SkippedSteps],
) -> None:
    [first, *_], skipped = across_stacks
    assert "Delete canceled. Cannot delete export Certificates:ExportsOutput" in skipped.output
    assert "as it is in use by Orders." in skipped.output
    assert skipped.after == first
