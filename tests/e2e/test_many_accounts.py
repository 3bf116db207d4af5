"""Synthesize the examples for many accounts without credentials or context lookups."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.support import EXAMPLES


def synthesize(example: str, folder: Path, **context: str) -> Path:
    """Synthesize an example without AWS variables and return its cloud assembly's folder."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    variables = {"CDK_OUTDIR": str(folder), "CDK_CONTEXT_JSON": json.dumps(context)}
    subprocess.run([sys.executable, EXAMPLES / example], env=clean | variables, check=True)
    return folder


def test_stages_have_the_same_resources_in_each_environment(tmp_path: Path) -> None:
    environments = "111111111111/eu-west-1,222222222222/us-east-1"
    out = synthesize("stages.py", tmp_path, environments=environments)
    templates = [json.loads(path.read_text()) for path in out.rglob("*.template.json")]
    assert len(templates) == 2
    assert {tuple(template["Resources"]) for template in templates} == {
        tuple(templates[0]["Resources"])
    }


def test_stack_set_template_reads_code_from_a_bucket_in_each_region(tmp_path: Path) -> None:
    out = synthesize("stack_set.py", tmp_path, bucket="ours")
    template: Any = json.loads((out / "ClientCertificate.template.json").read_text())
    [code] = [
        it["Properties"]["Code"]
        for it in template["Resources"].values()
        if it["Type"] == "AWS::Lambda::Function"
    ]
    assert code["S3Bucket"] == {"Fn::Sub": "ours-${AWS::Region}"}
    assert (out / f"asset.{code['S3Key'].removesuffix('.zip')}").is_dir()
    # A StackSet passes no bootstrap parameters, and the template must fit every account.
    assert not template.keys() & {"Parameters", "Rules"}


@pytest.mark.parametrize("example", ["stages.py", "stack_set.py"])
def test_new_generation_replaces_the_certificates(example: str, tmp_path: Path) -> None:
    logical_ids = set()
    for context in ({}, {"generation": "2"}):
        out = synthesize(example, tmp_path / str(len(context)), **context)
        [template] = out.rglob("*.template.json")
        logical_ids |= {
            id
            for id, it in json.loads(template.read_text())["Resources"].items()
            if it["Type"] == "Custom::ApiGatewayClientCertificate"
        }
    assert len(logical_ids) == 2
