"""The demo of a rotation: years pass, certificates are replaced, and no handshake is refused."""

import json
import os
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from local_aws import LocalAws
from local_aws.cdk import run_cdk
from local_aws.settings import ACCOUNT

from .backend import server_certificate
from .caller import Caller, Stage
from .demo import DemoError, check_empty, check_local, left_in, printer
from .moved_clock import MovedClock
from .reloading_backends import ReloadingBackends
from .servers import MissingProgramError
from .timeline import draw
from .years import DAY, Years

STACK: Final = "Rotating"
PARAMETER: Final = "/demo/trusted-clients"
BACKENDS: Final = ("nginx", "Python", "Node.js")
ROOT: Final = Path(__file__).parents[1]
PICTURE: Final = ROOT / "docs/how-to/rotation-timeline.svg"


def run() -> None:
    """Run the demo. If a program is missing, skip what needs it, and say so.

    Raises:
        DemoError: A call was refused, or a step did not happen. In CI: a program is missing.
        BackendError: A backend could not load the parameter.
        CdkError: The CDK CLI failed.
        LocalAwsError: The local AWS failed.
    """
    step = printer()
    with ExitStack() as stack:
        try:
            clock = stack.enter_context(MovedClock())
        except MissingProgramError as error:
            _skip(step, f"all of it: {error}")
            return
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="demo-")))
        authority, certificate, key = server_certificate(folder)
        step("starting an AWS account and the backends on this machine")
        aws = stack.enter_context(LocalAws(trust=authority))
        check_local(aws)
        backends = stack.enter_context(
            ReloadingBackends(aws, PARAMETER, BACKENDS, (certificate, key), clock)
        )
        for missing in backends.missing:
            _skip(step, f"a backend: {missing}")
        step("cdk bootstrap, cdk deploy: a stage for each backend, and their certificate")
        stages = _deploy(aws, backends, folder)
        backends.load()
        with Caller(aws, stages) as caller:
            caller.take()  # a backend may have reloaded after the first calls
            years = Years(aws, PARAMETER, stages, backends, clock, caller, step)
            _pass_years(years, slow=next(iter(backends.servers)), step=step)
        step("cdk destroy")
        run_cdk(aws, "destroy", "--force", "--app", str(folder / "cdk.out"))
        check_empty(_left_in(aws))
        if not backends.missing:
            PICTURE.write_text(draw(years.moments, "Three rotations, the last of which was held"))
            step(f"drawn: {PICTURE.relative_to(ROOT)}")
        step(f"done: {years.calls.accepted:,} handshakes, {years.calls.refused} refused")


def _skip(step: Callable[[str], None], what: str) -> None:
    """Say what is skipped. CI installs all programs, so there it is an error."""
    if os.environ.get("CI"):
        raise DemoError(f"cannot run {what}")
    step(f"skipped {what}")


def _deploy(aws: LocalAws, backends: ReloadingBackends, folder: Path) -> list[Stage]:
    names = {name.replace(".", ""): name for name in backends.servers}
    ports = [f"{stage}={backends.servers[name].port}" for stage, name in names.items()]
    output, outputs = str(folder / "cdk.out"), folder / "outputs.json"
    run_cdk(aws, "bootstrap", f"aws://{ACCOUNT}/{aws.region}", "--output", output)
    run_cdk(
        aws, "deploy", "--app", "python3 -m demo.rotating_app", "-c", f"ports={','.join(ports)}",
        "--output", output, "--outputs-file", str(outputs), "--require-approval", "never",
    )  # fmt: skip
    api_id = json.loads(outputs.read_text())[STACK]["ApiId"]
    return [Stage(name, api_id, stage) for stage, name in names.items()]


def _pass_years(years: Years, slow: str, step: Callable[[str], None]) -> None:
    start = years.now
    years.rotate()
    years.rotate()
    years.pass_until(start + 730 * DAY)
    step(f"two years: {years.calls.accepted:,} handshakes, {years.calls.refused} refused")
    step(f"{slow} does not load the parameter any more")
    years.rotate(slow=[slow])


def _left_in(aws: LocalAws) -> dict[str, list[Any]]:
    """Return what the stack has left, by kind."""
    parameters = aws.client("ssm").describe_parameters()["Parameters"]
    return {
        **left_in(aws),
        "parameters": [it["Name"] for it in parameters if it["Name"] == PARAMETER],
        "schedules": aws.client("scheduler").list_schedules()["Schedules"],
        "alarms": aws.client("cloudwatch").describe_alarms()["MetricAlarms"],
    }
