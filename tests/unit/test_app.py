"""Run app.py as a user would, with an empty home, no credentials and no network."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.support import CERTIFICATE, Json, the_only

ROOT = Path(__file__).parents[2]


def run(command: list[str], **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=ROOT,
        env={
            "PATH": os.pathsep.join(
                [str(Path(sys.executable).parent), f"{ROOT}/node_modules/.bin"]
            ),
            "HTTP_PROXY": "http://127.0.0.1:9",
            "HTTPS_PROXY": "http://127.0.0.1:9",
            "AWS_EC2_METADATA_DISABLED": "true",
            **env,
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def app(folder: Path, home: Path, **context: object) -> subprocess.CompletedProcess[str]:
    """Run app.py without the CLI and without CDK's validation, which is seconds faster."""
    env = {"CDK_OUTDIR": str(folder / "cdk.out"), "CDK_CONTEXT_JSON": json.dumps(context)}
    return run([sys.executable, "app.py"], HOME=str(home), CDK_VALIDATION="false", **env)


def certificate(folder: Path) -> Json:
    template = json.loads((folder / "cdk.out" / "ClientCertificate.template.json").read_text())
    _, found = the_only(template, CERTIFICATE)
    return found


def test_cli_passes_context_to_the_template(tmp_path: Path, home: Path) -> None:
    context = ["-c", "description=orders", "-c", "tags=team=a,env=test", "-c", "stack_name=orders"]
    command = ["cdk", "synth", "--quiet", "--output", f"{tmp_path}/cdk.out", *context]
    done = run(command, HOME=str(home))
    assert done.returncode == 0, done.stderr
    manifest = json.loads((tmp_path / "cdk.out" / "manifest.json").read_text())
    stack = manifest["artifacts"]["ClientCertificate"]
    assert stack["properties"]["stackName"] == "orders"
    assert stack["environment"] == "aws://unknown-account/unknown-region"
    properties = certificate(tmp_path)["Properties"]
    assert properties["Description"] == "orders"
    assert properties["Tags"] == [{"Key": "env", "Value": "test"}, {"Key": "team", "Value": "a"}]


@pytest.mark.parametrize("generation", [2, "2"])
def test_generation_is_part_of_the_construct_id(
    tmp_path: Path, home: Path, generation: object
) -> None:
    done = app(tmp_path, home, generation=generation)
    assert done.returncode == 0, done.stderr
    template = json.loads((tmp_path / "cdk.out" / "ClientCertificate.template.json").read_text())
    assert the_only(template, CERTIFICATE)[0].startswith("ClientCertificate2")


def test_empty_context_equals_no_context(tmp_path: Path, home: Path) -> None:
    done = app(tmp_path, home, description="", tags="", stack_name="", generation="")
    assert done.returncode == 0, done.stderr
    assert certificate(tmp_path)["Properties"].keys() == {"ServiceToken", "ServiceTimeout"}


@pytest.mark.parametrize(
    ("context", "message"),
    [
        ({"tags": "a"}, "cannot read the tags 'a': 'a' is not of the form key=value"),
        ({"tags": "aws:a=b"}, "ClientCertificate/ClientCertificate: tag key 'aws:a' starts with"),
        ({"stack_name": "a_b"}, "Stack name must match the regular expression"),
    ],
)
def test_invalid_context_prints_one_line_and_leaves_no_template(
    tmp_path: Path, home: Path, context: dict[str, object], message: str
) -> None:
    done = app(tmp_path, home, **context)
    assert done.returncode != 0
    assert done.stderr.startswith(message), done.stderr
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.glob("cdk.out/*.template.json"))
