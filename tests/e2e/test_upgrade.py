"""Upgrade a stack from the first release, and downgrade it again."""

import json
from pathlib import Path

from local_aws import LocalAws
from local_aws.cdk import run_cdk
from local_aws.settings import ACCOUNT

FIRST_RELEASE = str(Path(__file__).parents[1] / "upgrade" / "release-3099264")


def deploy(aws: LocalAws, folder: Path, *options: str) -> dict[str, str]:
    outputs = folder / "outputs.json"
    run_cdk(aws, "deploy", "--require-approval", "never", "--outputs-file", str(outputs), *options)
    deployed: dict[str, str] = json.loads(outputs.read_text())["ClientCertificate"]
    return deployed


def test_upgrade_and_downgrade_keep_the_certificate(tmp_path: Path) -> None:
    app = ("--output", str(tmp_path / "cdk.out"))
    with LocalAws() as aws:
        run_cdk(aws, "bootstrap", f"aws://{ACCOUNT}/{aws.region}", *app)
        first = deploy(aws, tmp_path, "--app", FIRST_RELEASE)
        upgraded = deploy(aws, tmp_path, *app)
        downgraded = deploy(aws, tmp_path, "--app", FIRST_RELEASE)
        assert first == upgraded == downgraded
        run_cdk(aws, "destroy", "--force", *app)
        assert not aws.client("apigateway").get_client_certificates()["items"]
