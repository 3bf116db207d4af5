"""Check sizes that do not depend on the machine's speed: asset, resources, template, jsii calls."""

import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Template
from jsii._kernel.providers.process import _NodeProcess

from bench.peers.stacks import aws_custom_resource, ours
from cdk_apigateway_client_certificate import _handler_code
from tests.unit.support import Json


@pytest.fixture(scope="module")
def asset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the Lambda asset, bundled as at synth."""
    folder = tmp_path_factory.mktemp("asset")
    assert _handler_code._LocalBundling().try_bundle(str(folder))
    return folder


def template(create: object, count: int) -> Json:
    """Return the template of a stack with the given number of certificates."""
    stack = cdk.Stack(cdk.App(), "Certificates")
    assert callable(create)
    create(stack, count)
    return Template.from_stack(stack).to_json()


def test_asset_is_no_larger_than_documented(asset: Path) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in sorted(path for path in asset.rglob("*") if path.is_file()):
            archive.write(path, path.relative_to(asset))
    # A third of it is docstrings and comments, for people who read the function in the Lambda
    # console during an incident, and a third is rotation. AwsCustomResource's asset has 87 KB.
    docs = Path(__file__).parents[2] / "docs"
    text = (docs / "how-to" / "many-accounts.md").read_text()
    costs = (docs / "operate" / "costs.md").read_text()
    [kilobytes] = re.findall(r"an asset of at most (\d+) KB", text)
    assert f"asset in the bootstrap bucket, at most {kilobytes} KB" in costs
    assert len(file.getvalue()) <= int(kilobytes) * 1024


def test_each_further_certificate_adds_one_resource() -> None:
    one, eleven = template(ours, 1), template(ours, 11)
    assert len(one["Resources"]) == 1 + len(["function", "role", "log group"])
    assert len(eleven["Resources"]) - len(one["Resources"]) == 10


def test_further_certificate_takes_few_calls_to_node(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls to Node take most of the synth time, about 0.2 ms each."""
    calls = 0
    send = _NodeProcess.send

    def counted_send(process: Any, request: Any, response_type: Any) -> Any:
        nonlocal calls
        calls += 1
        return send(process, request, response_type)

    monkeypatch.setattr(_NodeProcess, "send", counted_send)

    def calls_for(count: int) -> int:
        before = calls
        app = cdk.App()
        ours(cdk.Stack(app, "Certificates"), count)
        app.synth()
        return calls - before

    assert (calls_for(11) - calls_for(1)) / 10 <= 15


def test_further_certificate_adds_less_template_than_aws_custom_resource() -> None:
    def bytes_per_certificate(create: object) -> float:
        sizes = [
            len(json.dumps(template(create, n), separators=(",", ":")).encode()) for n in (1, 11)
        ]
        return (sizes[1] - sizes[0]) / 10

    assert bytes_per_certificate(ours) < bytes_per_certificate(aws_custom_resource)
