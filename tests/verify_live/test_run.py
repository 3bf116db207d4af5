"""Run `make verify-live` against the local AWS, and check its output and its cleanup."""

import json
import re
import signal
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from local_aws import LocalAws
from tests.e2e.support import make
from tests.verify_live.conftest import Result, resources_in, table_from
from tests.verify_live.driver import Interrupt
from tools.verify_live.claims import CLAIMS

Drive = Callable[..., list[Result]]
TAGS, LAG, IN_USE, IN_USE_WEBSOCKET = (claim.text for claim in CLAIMS[:4])
PRESENTED, TEST_INVOKE, UNNAMED = (claim.text for claim in CLAIMS[9:12])
BY_HAND = [claim.text for claim in CLAIMS if claim.by_hand]


@pytest.fixture(scope="module")
def full_run(aws: LocalAws, backend_url: str, server_files: Any) -> tuple[int, str]:
    """Run the command with a backend, and return its code and output."""
    environment = aws.environment | {"SSL_CERT_FILE": str(server_files[0])}
    return make("verify-live", f"BACKEND_URL={backend_url}", "YES=1", environment=environment)


def test_observes_every_claim_that_needs_no_manual_steps(full_run: tuple[int, str]) -> None:
    code, output = full_run
    assert code == 0, output
    table = table_from(output)
    assert list(table) == [claim.text for claim in CLAIMS]
    outcomes = {text: seen.partition(":")[0] for text, seen in table.items()}
    # The fixture's account detaches a certificate that the template does not mention.
    assert outcomes.pop(UNNAMED) == "other than assumed"
    assert [outcomes.pop(text) for text in BY_HAND] == ["not observed"] * len(BY_HAND)
    assert set(outcomes.values()) == {"as assumed"}, output


def test_prints_what_it_observed(full_run: tuple[int, str]) -> None:
    table = table_from(full_run[1])
    assert "the item of the list has tags {'verify-live': 'verify-live-" in table[TAGS]
    for claim in (IN_USE, IN_USE_WEBSOCKET):
        assert re.search(r"HTTP 400, BadRequestException: client certificate \w+", table[claim])
    assert re.search(r"saw the other certificate after \d+\.\d s", table[PRESENTED])
    assert table[TEST_INVOKE] == "as assumed: the backend saw the certificate"


def test_announces_account_and_resources_first(aws: LocalAws, full_run: tuple[int, str]) -> None:
    place, announcement, *lines = full_run[1].splitlines()
    assert place == f"account 000000000000, Region us-east-1, endpoint {aws.endpoint}"
    assert re.match(r"This creates .* all named verify-live-[0-9a-f]{8}-…:", announcement)
    creating = [claim.creates for claim in CLAIMS if claim.creates]
    assert lines[: len(creating)] == [f"  - {it}" for it in creating]


def test_leaves_nothing_in_the_account(aws: LocalAws, full_run: tuple[int, str]) -> None:
    assert resources_in(aws) == {}
    assert "could not be removed" not in full_run[1]


@pytest.fixture(scope="module")
def without_backend(aws: LocalAws, drive: Drive) -> Result:
    [result] = drive(aws.environment)
    return result


def test_two_claims_need_a_backend(without_backend: Result) -> None:
    assert without_backend.code == 0
    table = table_from(without_backend.output)
    for claim in (PRESENTED, TEST_INVOKE):
        assert table[claim] == "not observed: no BACKEND_URL was given"


def test_interrupt_at_any_call_leaves_nothing(
    aws: LocalAws, drive: Drive, without_backend: Result
) -> None:
    """Interrupt 20 calls, before or after them, with each signal, and repeat it at later calls."""
    moments = ("before", "after", "after")
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    # The first two calls are GetCallerIdentity and the check of API Gateway.
    calls = [3 + n * (without_backend.calls - 4) // 19 for n in range(20)]
    interrupts = [
        Interrupt(call, moments[n % 3], numbers[n // 2 % 3]) for n, call in enumerate(calls)
    ]
    results = drive(aws.environment, interrupts)
    for interrupt, result in zip(interrupts, results, strict=True):
        *_, last = result.output.splitlines()
        assert result.code == 130, (interrupt, result.output)
        assert last == "verify-live interrupted: everything that it created is removed", interrupt
        assert "Traceback" not in result.output, interrupt
    assert resources_in(aws) == {}


def test_interrupt_before_confirmation_creates_nothing(aws: LocalAws, drive: Drive) -> None:
    interrupts = [Interrupt(1, "before"), Interrupt(2, "after", signal.SIGTERM)]
    for result in drive(aws.environment, interrupts):
        assert (result.code, result.output) == (130, "interrupted; nothing was created\n")
    assert resources_in(aws) == {}


@pytest.mark.usefixtures("without_backend")
def test_exception_loses_one_claim_and_leaves_nothing(aws: LocalAws, drive: Drive) -> None:
    interrupts = [Interrupt(3 + 14 * n, "after", 0) for n in range(4)]
    for interrupt, result in zip(interrupts, drive(aws.environment, interrupts), strict=True):
        assert result.code in (0, 1), (interrupt, result.output)
        lost = [seen for seen in table_from(result.output).values() if "RuntimeError" in seen]
        # Calls that remove something are repeated, so losing one costs no claim.
        assert len(lost) == result.code, (interrupt, result.output)
    assert resources_in(aws) == {}


def test_reports_a_list_without_tags(drive: Drive) -> None:
    with LocalAws(tags_in_list=False) as aws:
        [result] = drive(aws.environment)
        assert resources_in(aws) == {}
    assert result.code == 0
    assert table_from(result.output)[TAGS] == (
        "other than assumed: the item of the list has tags None"
    )


def user(aws: LocalAws, name: str, denied: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of an IAM user with all permissions except one."""
    iam = aws.client("iam")
    iam.create_user(UserName=name)
    allow = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [allow, {"Effect": "Deny", **denied}]}
    iam.put_user_policy(UserName=name, PolicyName="all", PolicyDocument=json.dumps(document))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return aws.environment | {
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
    }


def test_names_a_denied_permission(aws: LocalAws, drive: Drive) -> None:
    [result] = drive(user(aws, "no-roles", {"Action": "iam:CreateRole", "Resource": "*"}))
    assert result.code == 1
    *_, last = result.output.splitlines()
    # In the local AWS, CloudFormation does not use the permissions of its caller.
    assert re.match(r"3 claims could not be observed \(.*AccessDenied.*iam:CreateRole", last), last
    assert last.endswith("use credentials that may do this")
    outcomes = Counter(seen.partition(":")[0] for seen in table_from(result.output).values())
    assert outcomes["as assumed"] >= 4
    assert resources_in(aws) == {}


def test_lists_commands_for_what_it_cannot_remove(aws: LocalAws, drive: Drive) -> None:
    certificates = "arn:aws:apigateway:us-east-1::/clientcertificates/*"
    denied = {"Action": "apigateway:DELETE", "Resource": certificates}
    [result] = drive(user(aws, "no-deletes", denied))
    assert result.code == 1
    _, _, listing = result.output.partition("these commands remove it:\n")
    listed = [
        re.match(
            r"aws apigateway delete-client-certificate --client-certificate-id (\w+) "
            r"--region us-east-1  # .*AccessDenied",
            command,
        )
        for command in listing.splitlines()
        if command.startswith("aws ")
    ]
    gateway = aws.client("apigateway")
    left = {item["clientCertificateId"] for item in gateway.get_client_certificates()["items"]}
    assert {match[1] for match in listed if match} == left != set()
    assert all(listed), listing
    for id in left:
        gateway.delete_client_certificate(clientCertificateId=id)
    assert resources_in(aws) == {}
