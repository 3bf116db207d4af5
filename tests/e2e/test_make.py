"""`make deploy` and `make destroy`, which work on the user's own account."""

import time
from dataclasses import dataclass
from typing import Any

import pytest

from tests.e2e.support import Scene, environment_from_nothing, make, story

STACK = "ByMake"


@dataclass(frozen=True)
class Story:
    deployed: str
    certificates: list[dict[str, Any]]
    destroyed: str
    left: list[dict[str, Any]]


@story
def by_make(scene: Scene) -> Story:
    # For make, the local account is the user's own.
    environment = scene.aws.environment
    options = f"-c stack_name={STACK} -c description=by-make --output {scene.folder}"
    status, deployed = make(
        "deploy", f"ARGS={options} --require-approval never", environment=environment
    )
    assert status == 0, deployed
    certificates = scene.certificates_of(STACK)
    status, destroyed = make("destroy", f"ARGS={options} --force", environment=environment)
    assert status == 0, destroyed
    return Story(deployed, certificates, destroyed, scene.certificates_of(STACK))


def test_make_deploys_into_the_account_of_the_credentials_and_names_it(by_make: Story) -> None:
    assert "AWS account 000000000000" in by_make.deployed.splitlines()
    assert (
        "ClientCertificate.PemEncodedCertificate = -----BEGIN CERTIFICATE-----" in by_make.deployed
    )
    assert [it["description"] for it in by_make.certificates] == ["by-make"]


def test_make_destroys_what_it_deployed(by_make: Story) -> None:
    assert "AWS account 000000000000" in by_make.destroyed.splitlines()
    assert by_make.left == []


@pytest.mark.parametrize("target", ["deploy", "destroy"])
def test_make_without_credentials_is_one_line_that_names_the_demo(
    target: str, scene: Scene
) -> None:
    environment = environment_from_nothing(scene.folder)
    began = time.monotonic()
    status, output = make(target, environment=environment)
    assert status != 0
    told, makes_own = output.splitlines()
    assert told.startswith("no usable AWS credentials")
    assert "make demo" in told
    assert makes_own.startswith("make: ***")
    assert time.monotonic() - began < 20
