"""The steps of the demo, in order."""

import json
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from local_aws import LocalAws
from local_aws.cdk import run_cdk
from local_aws.settings import ACCOUNT

from .backend import GREETING, Backend, rest_api, server_certificate

STACK: Final = "ClientCertificate"
TOOLKIT: Final = "CDKToolkit"


class DemoError(Exception):
    """A step had an unexpected result. The message is one line."""


def run() -> None:
    """Run the demo.

    Raises:
        DemoError: A step had an unexpected result.
        CdkError: The CDK CLI failed.
        LocalAwsError: The local AWS failed.
    """
    step = printer()
    with tempfile.TemporaryDirectory(prefix="demo-") as name:
        folder = Path(name)
        authority, certificate, key = server_certificate(folder)
        step("starting an AWS account on this machine")
        with LocalAws(trust=authority) as aws:
            check_local(aws)
            step("cdk bootstrap")
            # With the environment as an argument, the CLI need not synthesize the app.
            _cdk(aws, folder, "bootstrap", f"aws://{ACCOUNT}/{aws.region}")
            step("cdk deploy")
            outputs = _deploy(aws, folder, "-c", "description=first", "-c", "tags=team=edge")
            _print_outputs(outputs)
            _print_certificate(outputs["PemEncodedCertificate"])
            step("calling a backend that trusts this certificate only")
            with Backend(certificate, key, outputs["PemEncodedCertificate"]) as backend:
                _check_backend(aws, backend, outputs["ClientCertificateId"])
            step("cdk deploy, with another description and another tag")
            changed = _deploy(aws, folder, "-c", "description=second", "-c", "tags=team=core")
            _check_changed(aws, outputs, changed)
            step("cdk destroy")
            _cdk(aws, folder, "destroy", "--force")
            check_empty(left_in(aws))
    step("done: nothing is left but the CDK's own toolkit stack, and that is gone with the account")


def printer() -> Callable[[str], None]:
    """Return a function that prints a step with the seconds since now."""
    started = time.monotonic()

    def step(text: str) -> None:
        print(f"[{time.monotonic() - started:5.1f} s] {text}", flush=True)

    return step


def check_local(aws: LocalAws) -> None:
    """Raise `DemoError` unless the account is local, so that the demo never changes a real one."""
    account = aws.client("sts").get_caller_identity()["Account"]
    if account != ACCOUNT or not aws.endpoint.startswith("https://localhost:"):
        raise DemoError(f"account {account} at {aws.endpoint} is not the local one: stopping")


def _cdk(aws: LocalAws, folder: Path, command: str, *options: str) -> None:
    output = folder / "cdk.out"
    run_cdk(aws, command, "--output", str(output), *options)


def _deploy(aws: LocalAws, folder: Path, *options: str) -> dict[str, str]:
    outputs = folder / "outputs.json"
    _cdk(
        aws, folder, "deploy", "--require-approval", "never", "--outputs-file", str(outputs),
        *options,
    )  # fmt: skip
    deployed: dict[str, str] = json.loads(outputs.read_text())[STACK]
    return deployed


def _print_outputs(outputs: dict[str, str]) -> None:
    for name, value in outputs.items():
        first, *more = value.splitlines()
        print(f"          {name} = {first}{f' … ({len(more) + 1} lines)' if more else ''}")


def _print_certificate(pem: str) -> None:
    certificate = x509.load_pem_x509_certificate(pem.encode())
    print(f"          subject      {certificate.subject.rfc4514_string()}")
    print(
        f"          valid        {certificate.not_valid_before_utc:%Y-%m-%d} to "
        f"{certificate.not_valid_after_utc:%Y-%m-%d}"
    )
    print(f"          SHA-256      {certificate.fingerprint(hashes.SHA256()).hex(':')}")


def _check_backend(aws: LocalAws, backend: Backend, certificate_id: str) -> None:
    """Check that the backend accepts only the stage that presents its trusted certificate."""
    gateway = aws.client("apigateway")
    other = gateway.generate_client_certificate(description="same subject, not trusted")
    stages = {
        "trusted": certificate_id,
        "other": other["clientCertificateId"],
        "none": None,
    }
    api_id = rest_api(gateway, backend.url, stages)
    for stage, presented in stages.items():
        status, body = aws.invoke(api_id, stage)
        answered = status == 200 and body == GREETING
        if answered != (stage == "trusted"):
            raise DemoError(f"stage {stage!r} got HTTP {status} from the backend: {body[:80]!r}")
        print(
            f"          stage {stage!r:10} presents {presented or 'no certificate':15} "
            f"{'the backend answers' if answered else 'the backend refuses'}"
        )
    gateway.delete_rest_api(restApiId=api_id)
    gateway.delete_client_certificate(clientCertificateId=other["clientCertificateId"])


def _check_changed(aws: LocalAws, before: dict[str, str], after: dict[str, str]) -> None:
    id = before["ClientCertificateId"]
    live = aws.client("apigateway").get_client_certificate(clientCertificateId=id)
    if after != before:
        raise DemoError(f"the outputs changed with the description: {before} became {after}")
    if (live["description"], live["tags"]["team"]) != ("second", "core"):
        raise DemoError(f"the certificate did not change: {live['description']}, {live['tags']}")
    print(f"          {id} is still the ID; description 'second', tag team=core")


def check_empty(left: Mapping[str, list[Any]]) -> None:
    """Raise `DemoError` if something is left; `left` is what there is, by kind."""
    for kind, found in left.items():
        if found:
            raise DemoError(f"left behind after cdk destroy: {kind}: {found}")
    print(f"          no {', '.join(left)} left")


def left_in(aws: LocalAws) -> dict[str, list[Any]]:
    """Return what the account contains besides the bootstrap stack, by kind."""
    return {
        "client certificates": aws.client("apigateway").get_client_certificates().get("items"),
        "functions": aws.client("lambda").list_functions()["Functions"],
        "log groups": aws.client("logs").describe_log_groups()["logGroups"],
        "stacks": [
            stack["StackName"]
            for stack in aws.client("cloudformation").describe_stacks()["Stacks"]
            if stack["StackName"] != TOOLKIT
        ],
    }
