"""What the construct deploys: the policy of its function, and templates with weak references.

`synthesize` runs this module as a process of its own: CDK's Node process would otherwise get the
Ctrl-C that is meant for the run, and print its traceback.
"""

import base64
import io
import json
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tools.aws_account import Problem

ROOT = Path(__file__).resolve().parents[2]
PARTITION_LITERALS = {"@aws-cdk/core:enablePartitionLiterals": True}
"""Makes CDK write the partition's name instead of a reference, so that the policy is plain JSON."""


@dataclass(frozen=True)
class Synthesis:
    """Two stacks, of which `consumer` has a weak reference to the PEM of a certificate in `owner`.

    The owner's function expects its code, a ZIP file in base64, in a bucket; the consumer keeps the
    PEM in a parameter.
    """

    owner: str
    consumer: str
    bucket: str
    parameter: str
    templates: dict[str, Any]
    code_key: str
    code: str

    def function_policy(self) -> dict[str, Any]:
        """Return the policy of the function's role for API Gateway."""
        statements = [
            statement
            for resource in self.templates[self.owner]["Resources"].values()
            if resource["Type"] == "AWS::IAM::Role"
            for policy in resource["Properties"]["Policies"]
            for statement in policy["PolicyDocument"]["Statement"]
            if str(statement["Action"]).count("apigateway:")
        ]
        return {"Version": "2012-10-17", "Statement": statements}


def synthesize(name: str, account: str, region: str) -> Synthesis:
    """Synthesize the stacks `{name}-owner` and `{name}-consumer` for an account and a Region.

    Raises:
        Problem: CDK failed.
    """
    done = subprocess.run(
        [sys.executable, "-m", __name__, name, account, region],
        cwd=ROOT,
        capture_output=True,
        text=True,
        start_new_session=True,
    )
    if done.returncode != 0:
        raise Problem(f"the construct cannot be synthesized ({' '.join(done.stderr.split())})")
    return Synthesis(**json.loads(done.stdout))


def _synthesize(name: str, account: str, region: str) -> Synthesis:
    import aws_cdk as cdk  # imported here because it starts Node
    from aws_cdk import aws_ssm as ssm

    from cdk_apigateway_client_certificate import ClientCertificate

    owner, consumer, bucket = f"{name}-owner", f"{name}-consumer", f"{name}-code"
    parameter = f"/{name}/pem"
    with tempfile.TemporaryDirectory() as folder:
        app = cdk.App(outdir=folder, context=PARTITION_LITERALS)

        def stack(stack_name: str) -> cdk.Stack:
            return cdk.Stack(
                app,
                stack_name,
                env=cdk.Environment(account=account, region=region),
                # Without a bootstrapped account: this run's bucket and the caller's credentials.
                synthesizer=cdk.CliCredentialsStackSynthesizer(file_assets_bucket_name=bucket),
            )

        certificate = ClientCertificate(stack(owner), "Certificate")
        ssm.StringParameter(
            stack(consumer),
            "Pem",
            parameter_name=parameter,
            string_value=certificate.pem_encoded_certificate,
        )
        assembly = app.synth()
        [asset] = Path(folder).glob("asset.*")
        return Synthesis(
            owner=owner,
            consumer=consumer,
            bucket=bucket,
            parameter=parameter,
            templates={stack.stack_name: stack.template for stack in assembly.stacks},
            code_key=f"{asset.name.removeprefix('asset.')}.zip",
            code=base64.b64encode(_zip(asset)).decode(),
        )


def _zip(folder: Path) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*.py")):
            archive.write(path, path.relative_to(folder))
    return content.getvalue()


if __name__ == "__main__":
    print(json.dumps(asdict(_synthesize(*sys.argv[1:]))))
