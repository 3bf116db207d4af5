"""Faults of adoption, rollback and redelivery that a review found.

Each test failed when it was written.
"""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.fault import fakes
from tests.fault.expect import answers_to, created, delete_of, failed, properties, succeeded
from tests.fault.expect import tag_list as tags
from tests.fault.fakes import Fault, Function, World
from tests.fault.quick_handler import InProcess
from tests.fault.test_adoption import adopting, foreign, state

FIRST_RELEASE = Path(__file__).parents[1] / "upgrade" / "release-3099264"
REFUSED = fakes.error(400, "BadRequestException")


def update(aws: World, here: InProcess, id: str, old: Any, new: Any) -> dict[str, Any]:
    """Deliver an Update of `Cert` and return its event."""
    event = aws.event(
        "Update",
        LogicalResourceId="Cert",
        PhysicalResourceId=id,
        OldResourceProperties=old,
        ResourceProperties=new,
    )
    here.invoke(event)
    return event


def delete(aws: World, here: InProcess, logical_id: str, id: str, old: Any) -> None:
    event = aws.event(
        "Delete", LogicalResourceId=logical_id, PhysicalResourceId=id, ResourceProperties=old
    )
    here.invoke(event)
    succeeded(aws, event)


def test_certificate_that_the_first_release_adopted_is_not_deleted(
    aws: World, here: InProcess
) -> None:
    """That release left the request tag of a certificate that another resource had made."""
    (asset,) = FIRST_RELEASE.glob("asset.*")
    first = Function(asset, aws.environment)
    aws.functions.append(first)
    _, a = created(aws, first, LogicalResourceId="Cert")
    created(aws, first, LogicalResourceId="Renamed", ResourceProperties=adopting(a))
    delete(aws, here, "Renamed", a, adopting(a))
    assert aws.api.ids == {a}


@pytest.mark.parametrize("ending", ["failed half-way", "succeeded, another resource failed"])
def test_rollback_of_adopting_the_own_certificate_returns_to_it(
    aws: World, here: InProcess, ending: str
) -> None:
    _, a = created(aws, here, LogicalResourceId="Cert", ResourceProperties=properties())
    new = adopting(a, Description="kept")
    if ending == "failed half-way":
        aws.api.script(Fault("PATCH", ".*", REFUSED))
    update(aws, here, a, properties(), new)
    assert succeeded(aws, update(aws, here, a, new, properties())) == a
    delete(aws, here, "Cert", a, properties())
    assert not aws.api.ids


def test_rollback_of_an_update_that_wrote_nothing_writes_nothing(
    aws: World, here: InProcess
) -> None:
    b = foreign(aws, "theirs", owner="bob")
    old = adopting(b)
    created(aws, here, LogicalResourceId="Cert", ResourceProperties=old)
    new = adopting(b, Description="ours", Tags=tags(owner="alice"))
    aws.api.script(Fault("PUT", "/tags/.*", REFUSED))
    failed(aws, update(aws, here, b, old, new))
    succeeded(aws, update(aws, here, b, new, old))
    assert state(aws, b) == ("theirs", {"owner": "bob"})


def test_rollback_keeps_what_was_made_in_place_of_a_vanished_certificate(
    aws: World, here: InProcess
) -> None:
    """A mistyped ID must not leave the stack in UPDATE_ROLLBACK_FAILED.

    Neither the mistyped certificate nor the vanished one exists, so both Updates keep the own one.
    """
    b = foreign(aws)
    created(aws, here, LogicalResourceId="Cert", ResourceProperties=adopting(b))
    del aws.api.api.certificates[b]
    good = adopting(b, Description="good")
    c = succeeded(aws, update(aws, here, b, adopting(b), good))
    mistyped = adopting("typo42", Description="good")
    assert succeeded(aws, update(aws, here, c, good, mistyped)) == c
    assert succeeded(aws, update(aws, here, c, mistyped, good)) == c


def test_redelivered_create_finds_its_certificate_although_clocks_differ(
    aws: World, here: InProcess
) -> None:
    """API Gateway's clock is two minutes ahead of Lambda's, and lists contain no tags."""
    aws.api.api.tags_in_list = False
    event = aws.event("Create", ResponseURL=aws.cloudformation.url("answer-0", age=60))
    here.invoke(event)
    (certificate,) = aws.api.api.certificates.values()
    certificate.created += timedelta(minutes=2) - timedelta(minutes=1)  # delivered a minute ago
    here.invoke(event)
    first, second = answers_to(aws, event)
    assert first["PhysicalResourceId"] == second["PhysicalResourceId"]
    assert len(aws.api.ids) == 1


def test_reason_of_a_delete_counts_all_attempts(aws: World, here: InProcess) -> None:
    event, _ = created(aws, here)
    aws.api.script(Fault("DELETE", "/clientcertificates/.*", REFUSED, times=1000))
    refused = delete_of(aws, event)
    here.invoke(refused)
    attempts = aws.api.count("DELETE", "/clientcertificates/.*")
    assert f"after {attempts} attempts" in failed(aws, refused)[1]
