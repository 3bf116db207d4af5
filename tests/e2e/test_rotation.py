"""A year of a rotating certificate with a real backend, and a deploy that resets its stage.

The account's clock starts 330 days ago, so that the backend's own clock accepts both certificates.
"""

import itertools
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from demo.servers import GREETING, Server, serve
from local_aws import LocalAws
from local_aws.cdk import run_cdk
from local_aws.issuing import issue_certificate
from tests.e2e.support import App, ScenarioContext, scenario

STACK, PARAMETER = "Rotating", "/orders/trusted-clients"
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
WITHOUT_VARIABLE = "cloud_watch_role=False)"
WITH_VARIABLE = (
    'cloud_watch_role=False, deploy_options=apigateway.StageOptions(variables={"color": "blue"}))'
)
ACCEPTED = (200, GREETING)


@dataclass(frozen=True)
class Moment:
    """The presented certificate, the published bundle and the backend's response."""

    presented: str | None
    published: list[str]
    certificates: list[str]
    response: tuple[int, bytes]


@dataclass(frozen=True)
class Rotating:
    """The deployed example, and the backend that it calls."""

    context: ScenarioContext
    app: App
    backend: Server

    @property
    def url(self) -> str:
        return f"https://localhost:{self.backend.port}/"

    def deploy(self, app: App) -> "Rotating":
        app.deploy(backend=self.url)
        return replace(self, app=app)

    def load(self) -> None:
        """Make the backend load the parameter."""
        environment = self.context.aws.environment
        self.backend.load(PARAMETER, environment=environment).check_returncode()

    def invoke(self) -> tuple[int, bytes]:
        return self.context.aws.invoke(self.app.outputs(STACK)["ApiId"], "prod")

    def stage(self) -> Any:
        api = self.app.outputs(STACK)["ApiId"]
        return self.context.gateway.get_stage(restApiId=api, stageName="prod")

    def observe(self) -> Moment:
        certificates = self.context.certificates_of(STACK)
        ids = {
            it["pemEncodedCertificate"].strip(): it["clientCertificateId"] for it in certificates
        }
        value = self.context.aws.client("ssm").get_parameter(Name=PARAMETER)["Parameter"]["Value"]
        by_pem = {pem.replace("\r\n", "\n"): id for pem, id in ids.items()}
        pems = re.findall("-----BEGIN.*?END CERTIFICATE-----", value, re.DOTALL)
        return Moment(
            self.stage().get("clientCertificateId"),
            [by_pem[pem] for pem in pems],
            sorted(by_pem.values()),
            self.invoke(),
        )


@contextmanager
def deployed(context: ScenarioContext) -> Iterator[Rotating]:
    """Deploy the example in front of a backend that has loaded the parameter."""
    untrusted, _, _ = issue_certificate()
    with serve("Python", untrusted, context.server_files[1:]) as backend:
        rotating = Rotating(context, context.example("rotating.py"), backend)
        rotating.deploy(rotating.app)
        rotating.load()
        yield rotating


@dataclass(frozen=True)
class Year:
    """The account after each step, and the result of a deploy without changes."""

    first: Moment
    both: Moment
    switched: Moment
    last: Moment
    redeployed: str
    with_variable: Moment
    variables: dict[str, str]
    errors: set[str | None]
    left: list[Any]


@scenario
def rotated_year(context: ScenarioContext) -> Year:
    aws = context.aws
    errors: set[str | None] = set()

    def run_after(duration: timedelta) -> None:
        """Let time pass without runs, then run the schedule once."""
        aws.set_clock(aws.now() + duration - HOUR)
        errors.update(it.error for it in aws.advance(HOUR))

    aws.set_clock(datetime.now(UTC) - 330 * DAY)
    try:
        with deployed(context) as rotating:
            first = rotating.observe()
            run_after(306 * DAY)
            rotating.load()
            both = rotating.observe()
            run_after(14 * DAY)
            run_after(HOUR)
            switched = rotating.observe()
            run_after(15 * DAY)
            rotating.load()
            last = rotating.observe()
            redeployed = rotating.app.deploy(backend=rotating.url)
            edited = context.example("rotating.py", **{WITHOUT_VARIABLE: WITH_VARIABLE})
            rotating = rotating.deploy(edited)
            with_variable, stage = rotating.observe(), rotating.stage()
            rotating.app.destroy()
    finally:
        aws.set_clock(datetime.now(UTC))
    parameters = aws.client("ssm").describe_parameters()["Parameters"]
    left = [*context.certificates_of(STACK), *(it for it in parameters if it["Name"] == PARAMETER)]
    return Year(
        first, both, switched, last, redeployed, with_variable, stage["variables"], errors, left
    )


@dataclass(frozen=True)
class Reset:
    """A deploy that changes a stage, where CloudFormation resets the stage's certificate."""

    gap: float
    """The longest time without an accepted call, in seconds."""
    presented: tuple[str, str | None]
    response: tuple[int, bytes]


@scenario
def reset(context: ScenarioContext) -> Reset:
    trust = context.server_files[0]
    resets = LocalAws(trust=trust, update_resets_certificate=True)
    with account(context, resets) as own, deployed(own) as rotating:
        before = rotating.stage()["clientCertificateId"]
        accepted: list[float] = []
        refused = 0
        ended = threading.Event()

        def call() -> None:
            nonlocal refused
            while not ended.is_set():
                if rotating.invoke() == ACCEPTED:
                    accepted.append(time.monotonic())
                else:
                    refused += 1

        caller = threading.Thread(target=call)
        caller.start()
        try:
            edited = own.example("rotating.py", **{WITHOUT_VARIABLE: WITH_VARIABLE})
            changed = rotating.deploy(edited)
        finally:
            ended.set()
            caller.join()
        gap = max(end - start for start, end in itertools.pairwise(accepted))
        # docs/how-to/rotate.md gives these figures (pytest -rP).
        print(f"refused {refused} of {refused + len(accepted)} calls, gap {gap:.2f} s")
        after = changed.stage().get("clientCertificateId")
        return Reset(gap, (before, after), changed.invoke())


@dataclass(frozen=True)
class Undeployed:
    """Responses in an account where a certificate takes effect only after a deployment."""

    before: tuple[int, bytes]
    after: tuple[int, bytes]


@scenario
def undeployed(context: ScenarioContext) -> Undeployed:
    trust = context.server_files[0]
    needs_deployment = LocalAws(trust=trust, certificate_needs_deployment=True)
    with account(context, needs_deployment) as own, deployed(own) as rotating:
        before = rotating.invoke()
        api = rotating.app.outputs(STACK)["ApiId"]
        own.gateway.create_deployment(restApiId=api, stageName="prod")
        return Undeployed(before, rotating.invoke())


@contextmanager
def account(context: ScenarioContext, account: LocalAws) -> Iterator[ScenarioContext]:
    """Bootstrap a separate account for the scenario."""
    with account as aws:
        aws.environment["CDK_VALIDATION"] = "false"
        target = f"aws://{aws.account}/{aws.region}"
        run_cdk(aws, "bootstrap", target, "--output", str(context.folder / "bootstrap"))
        yield replace(context, aws=aws)


def test_the_year_ends_with_the_second_certificate(rotated_year: Year) -> None:
    first = rotated_year.first.presented
    assert first is not None
    assert rotated_year.first == Moment(first, [first], [first], ACCEPTED)
    [second] = set(rotated_year.both.certificates) - {first}
    assert rotated_year.both == Moment(first, [first, second], sorted([first, second]), ACCEPTED)
    assert rotated_year.switched == Moment(
        second, [second, first], sorted([first, second]), ACCEPTED
    )
    assert rotated_year.last == Moment(second, [second], [second], ACCEPTED)
    assert rotated_year.errors == {None}


def test_a_deploy_does_not_change_the_certificate(rotated_year: Year) -> None:
    assert "(no changes)" in rotated_year.redeployed
    assert rotated_year.variables == {"color": "blue"}
    assert rotated_year.with_variable == rotated_year.last


def test_the_destroy_leaves_nothing(rotated_year: Year) -> None:
    assert rotated_year.left == []


def test_a_deploy_attaches_the_certificate_again_if_cloudformation_resets_it(reset: Reset) -> None:
    before, after = reset.presented
    assert after == before
    assert reset.response == ACCEPTED
    assert reset.gap < 60


def test_a_certificate_may_need_a_deployment_to_take_effect(undeployed: Undeployed) -> None:
    assert undeployed.before != ACCEPTED
    assert undeployed.after == ACCEPTED
