"""Deploy the examples that pass the PEM on: to another stack, a parameter or a trust store."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.support import EXAMPLES, REPOSITORY, ScenarioContext, scenario


@dataclass(frozen=True)
class Published:
    certificate: dict[str, Any]
    parameter: str


@scenario
def in_another_stack(context: ScenarioContext) -> Published:
    app = context.example("two_stacks.py")
    app.deploy()
    seen = Published(context.certificate_of("Edge"), _parameter(context, "/backend/trusted-client"))
    app.destroy()
    return seen


@scenario
def in_a_parameter(context: ScenarioContext) -> Published:
    app = context.example("parameter.py")
    app.deploy()
    seen = Published(
        context.certificate_of("Parameter"), _parameter(context, "/orders/trusted-client")
    )
    app.destroy()
    return seen


def _parameter(context: ScenarioContext, name: str) -> str:
    found = context.aws.client("ssm").get_parameter(Name=name)
    value: str = found["Parameter"]["Value"]
    return value


def test_another_stack_reads_the_pem(in_another_stack: Published) -> None:
    assert in_another_stack.parameter == in_another_stack.certificate["pemEncodedCertificate"]


def test_published_parameter_contains_the_pem(in_a_parameter: Published) -> None:
    assert in_a_parameter.parameter == in_a_parameter.certificate["pemEncodedCertificate"]


@scenario
def trust_stores(context: ScenarioContext) -> list[dict[str, Any]]:
    """Synthesize only: the local AWS has no trust stores, and the example is marked unverified."""
    source = (EXAMPLES / "backends/alb_trust_store.py").read_text()
    found = []
    for id in ("Certificate", "Renewed"):
        copy = context.folder / f"{id}.py"
        copy.write_text(source.replace('stack, "Certificate"', f'stack, "{id}"'))
        context.app(copy).cdk("synth", "--quiet")
        [path] = context.folder.glob(f"{id}.out/*.template.json")
        resources = json.loads(path.read_text())["Resources"].values()
        found += [it for it in resources if it["Type"].endswith("::TrustStore")]
    return found


def test_trust_store_changes_with_the_certificate(trust_stores: list[dict[str, Any]]) -> None:
    first, second = (it["Properties"]["CaCertificatesBundleS3Key"] for it in trust_stores)
    assert first != second
    assert first["Fn::Join"][1][1] == "/client.pem"


@pytest.mark.parametrize("example", sorted(EXAMPLES.rglob("*.py")), ids=lambda path: path.name)
def test_every_example_has_a_test(example: Path) -> None:
    tests = [
        *(REPOSITORY / "tests/e2e").glob("test_*.py"),
        REPOSITORY / "demo/servers.py",
    ]
    assert any(f'{example.name}"' in test.read_text() for test in tests)
