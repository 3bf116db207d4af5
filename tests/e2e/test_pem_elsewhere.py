"""The PEM where it is needed: in another stack, and in a parameter that a backend reads."""

import json
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
def trust_stores(scene: Scene) -> list[dict[str, Any]]:
    """Not deployed: the local AWS has no trust stores, and the example says it is unverified."""
    source = (EXAMPLES / "backends/alb_trust_store.py").read_text()
    found = []
    for id in ("Certificate", "Renewed"):
        copy = scene.folder / f"{id}.py"
        copy.write_text(source.replace('stack, "Certificate"', f'stack, "{id}"'))
        scene.app(copy).cdk("synth", "--quiet")
        [path] = scene.folder.glob(f"{id}.out/*.template.json")
        resources = json.loads(path.read_text())["Resources"].values()
        found += [it for it in resources if it["Type"].endswith("::TrustStore")]
    return found


def test_the_trust_store_changes_with_the_certificate(trust_stores: list[dict[str, Any]]) -> None:
    first, second = (it["Properties"]["CaCertificatesBundleS3Key"] for it in trust_stores)
    assert first != second
    assert first["Fn::Join"][1][1] == "/client.pem"


@pytest.mark.parametrize("example", sorted(EXAMPLES.rglob("*.py")), ids=lambda path: path.name)
def test_every_example_is_run(example: Path) -> None:
    tests = [
        *(REPOSITORY / "tests/e2e").glob("test_*.py"),
        REPOSITORY / "tests/backends/servers.py",
    ]
    assert any(f'{example.name}"' in test.read_text() for test in tests)
