"""Regression tests for rollbacks, redeliveries and upgrades of adopted certificates."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from handler_testing import api_errors
from handler_testing.environment import Environment
from handler_testing.fake_api_gateway import InjectedFault
from handler_testing.in_process_function import InProcessFunction
from handler_testing.packaged_function import PackagedFunction
from tests.fault.expect import (
    create_certificate,
    delete_event,
    expect_failure,
    expect_success,
    properties,
    responses_to,
)
from tests.fault.expect import tag_list as tags
from tests.fault.test_adoption import adopting, foreign, state

FIRST_RELEASE = Path(__file__).parents[1] / "upgrade" / "release-3099264"
REFUSED = api_errors.error(400, "BadRequestException")


def update(
    environment: Environment, in_process: InProcessFunction, id: str, old: Any, new: Any
) -> dict[str, Any]:
    """Deliver an Update of `Cert` and return its event."""
    event = environment.event(
        "Update",
        LogicalResourceId="Cert",
        PhysicalResourceId=id,
        OldResourceProperties=old,
        ResourceProperties=new,
    )
    in_process.invoke(event)
    return event


def delete(
    environment: Environment, in_process: InProcessFunction, logical_id: str, id: str, old: Any
) -> None:
    event = environment.event(
        "Delete", LogicalResourceId=logical_id, PhysicalResourceId=id, ResourceProperties=old
    )
    in_process.invoke(event)
    expect_success(environment, event)


def test_certificate_that_the_first_release_adopted_is_not_deleted(
    environment: Environment, in_process: InProcessFunction
) -> None:
    """The first release did not remove the request tag when it adopted another resource's."""
    (asset,) = FIRST_RELEASE.glob("asset.*")
    first = PackagedFunction(asset, environment.variables)
    environment.functions.append(first)
    _, a = create_certificate(environment, first, LogicalResourceId="Cert")
    create_certificate(
        environment, first, LogicalResourceId="Renamed", ResourceProperties=adopting(a)
    )
    delete(environment, in_process, "Renamed", a, adopting(a))
    assert environment.api_gateway.ids == {a}


@pytest.mark.parametrize("ending", ["failed half-way", "succeeded, another resource failed"])
def test_rollback_of_adopting_its_own_certificate_keeps_it(
    environment: Environment, in_process: InProcessFunction, ending: str
) -> None:
    _, a = create_certificate(
        environment, in_process, LogicalResourceId="Cert", ResourceProperties=properties()
    )
    new = adopting(a, Description="kept")
    if ending == "failed half-way":
        environment.api_gateway.inject(InjectedFault("PATCH", ".*", REFUSED))
    update(environment, in_process, a, properties(), new)
    assert expect_success(environment, update(environment, in_process, a, new, properties())) == a
    delete(environment, in_process, "Cert", a, properties())
    assert not environment.api_gateway.ids


def test_rollback_of_an_update_that_wrote_nothing_writes_nothing(
    environment: Environment, in_process: InProcessFunction
) -> None:
    b = foreign(environment, "theirs", owner="bob")
    old = adopting(b)
    create_certificate(environment, in_process, LogicalResourceId="Cert", ResourceProperties=old)
    new = adopting(b, Description="ours", Tags=tags(owner="alice"))
    environment.api_gateway.inject(InjectedFault("PUT", "/tags/.*", REFUSED))
    expect_failure(environment, update(environment, in_process, b, old, new))
    expect_success(environment, update(environment, in_process, b, new, old))
    assert state(environment, b) == ("theirs", {"owner": "bob"})


def test_rollback_keeps_the_replacement_of_a_missing_certificate(
    environment: Environment, in_process: InProcessFunction
) -> None:
    """A mistyped ID must not leave the stack in UPDATE_ROLLBACK_FAILED.

    Neither the mistyped nor the original certificate exists, so both Updates keep the replacement.
    """
    b = foreign(environment)
    create_certificate(
        environment, in_process, LogicalResourceId="Cert", ResourceProperties=adopting(b)
    )
    del environment.api_gateway.store.certificates[b]
    good = adopting(b, Description="good")
    c = expect_success(environment, update(environment, in_process, b, adopting(b), good))
    mistyped = adopting("typo42", Description="mistyped")
    assert expect_success(environment, update(environment, in_process, c, good, mistyped)) == c
    assert expect_success(environment, update(environment, in_process, c, mistyped, good)) == c
    assert state(environment, c)[0] == "good"


def test_redelivered_create_tolerates_clock_skew(
    environment: Environment, in_process: InProcessFunction
) -> None:
    """API Gateway's clock is two minutes ahead of Lambda's, and lists contain no tags."""
    environment.api_gateway.store.tags_in_list = False
    event = environment.event(
        "Create", ResponseURL=environment.cloudformation.url("response-0", age=60)
    )
    in_process.invoke(event)
    (certificate,) = environment.api_gateway.store.certificates.values()
    # Created a minute ago, by a clock that is two minutes ahead.
    certificate.created += timedelta(minutes=2) - timedelta(minutes=1)
    in_process.invoke(event)
    first, second = responses_to(environment, event)
    assert first["PhysicalResourceId"] == second["PhysicalResourceId"]
    assert len(environment.api_gateway.ids) == 1


def test_reason_of_a_delete_counts_all_attempts(
    environment: Environment, in_process: InProcessFunction
) -> None:
    event, _ = create_certificate(environment, in_process)
    environment.api_gateway.inject(
        InjectedFault("DELETE", "/clientcertificates/.*", REFUSED, times=1000)
    )
    refused = delete_event(environment, event)
    in_process.invoke(refused)
    attempts = environment.api_gateway.count("DELETE", "/clientcertificates/.*")
    assert f"after {attempts} attempts" in expect_failure(environment, refused)[1]
