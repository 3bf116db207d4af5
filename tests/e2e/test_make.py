"""Run `make deploy` and `make destroy`, which use the account of the user's credentials."""

import time
from dataclasses import dataclass
from typing import Any

import pytest

from tests.e2e.support import ScenarioContext, environment_from_nothing, make, scenario

STACK = "ByMake"


@dataclass(frozen=True)
class Result:
    deployed: str
    certificates: list[dict[str, Any]]
    destroyed: str
    left: list[dict[str, Any]]


@scenario
def by_make(context: ScenarioContext) -> Result:
    # Use the local account's credentials in place of the user's.
    environment = context.aws.environment
    options = f"-c stack_name={STACK} -c description=by-make --output {context.folder}"
    status, deployed = make(
        "deploy", f"ARGS={options} --require-approval never", environment=environment
    )
    assert status == 0, deployed
    certificates = context.certificates_of(STACK)
    status, destroyed = make("destroy", f"ARGS={options} --force", environment=environment)
    assert status == 0, destroyed
    return Result(deployed, certificates, destroyed, context.certificates_of(STACK))


def test_make_deploy_names_the_account_and_deploys_into_it(by_make: Result) -> None:
    assert "AWS account 000000000000" in by_make.deployed.splitlines()
    assert (
        "ClientCertificate.PemEncodedCertificate = -----BEGIN CERTIFICATE-----" in by_make.deployed
    )
    assert [it["description"] for it in by_make.certificates] == ["by-make"]


def test_make_destroy_deletes_the_stack(by_make: Result) -> None:
    assert "AWS account 000000000000" in by_make.destroyed.splitlines()
    assert by_make.left == []


@pytest.mark.parametrize("target", ["deploy", "destroy"])
def test_make_without_credentials_suggests_the_demo(target: str, context: ScenarioContext) -> None:
    environment = environment_from_nothing(context.folder)
    began = time.monotonic()
    status, output = make(target, environment=environment)
    assert status != 0
    message, make_error = output.splitlines()
    assert message.startswith("no usable AWS credentials")
    assert "make demo" in message
    assert make_error.startswith("make: ***")
    assert time.monotonic() - began < 20
