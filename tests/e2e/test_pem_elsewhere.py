"""The PEM where it is needed: in another stack, and in a parameter that a backend reads."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.support import EXAMPLES, REPOSITORY, Scene, story


@dataclass(frozen=True)
class Published:
    certificate: dict[str, Any]
    parameter: str


@story
def in_another_stack(scene: Scene) -> Published:
    app = scene.example("two_stacks.py")
    app.deploy()
    seen = Published(scene.certificate_of("Edge"), _parameter(scene, "/backend/trusted-client"))
    app.destroy()
    return seen


@story
def in_a_parameter(scene: Scene) -> Published:
    app = scene.example("parameter.py")
    app.deploy()
    seen = Published(scene.certificate_of("Parameter"), _parameter(scene, "/orders/trusted-client"))
    app.destroy()
    return seen


def _parameter(scene: Scene, name: str) -> str:
    found = scene.aws.client("ssm").get_parameter(Name=name)
    value: str = found["Parameter"]["Value"]
    return value


def test_another_stack_of_the_app_has_the_pem(in_another_stack: Published) -> None:
    assert in_another_stack.parameter == in_another_stack.certificate["pemEncodedCertificate"]


def test_the_published_parameter_holds_the_pem(in_a_parameter: Published) -> None:
    assert in_a_parameter.parameter == in_a_parameter.certificate["pemEncodedCertificate"]


@story
def trust_store(scene: Scene) -> str:
    return scene.example("backends/alb_trust_store.py").cdk("synth")


def test_the_trust_store_synthesizes(trust_store: str) -> None:
    """Not deployed: the local AWS has no trust stores, and the example says it is unverified."""
    assert "AWS::ElasticLoadBalancingV2::TrustStore" in trust_store


@pytest.mark.parametrize("example", sorted(EXAMPLES.rglob("*.py")), ids=lambda path: path.name)
def test_every_example_is_run(example: Path) -> None:
    tests = [
        *(REPOSITORY / "tests/e2e").glob("test_*.py"),
        REPOSITORY / "tests/backends/servers.py",
    ]
    assert any(f'{example.name}"' in test.read_text() for test in tests)
