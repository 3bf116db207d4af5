"""Adoption: a resource manages an existing certificate and never deletes it.

Each test sends the packaged handler a sequence of requests as CloudFormation would.
"""

from typing import Any

import pytest

from handler_testing import api_errors
from handler_testing.environment import Environment
from handler_testing.fake_api_gateway import InjectedFault
from handler_testing.packaged_function import PackagedFunction
from tests.fault.expect import (
    create_certificate,
    expect_failure,
    expect_success,
    properties,
    responses_to,
    tag_list,
)

STACK = "client-certificate:stack-id"
LOGICAL = "client-certificate:logical-id"
REQUEST = "client-certificate:request-id"


pytestmark = pytest.mark.usefixtures("tags_in_list")


@pytest.fixture
def function(environment: Environment) -> PackagedFunction:
    return environment.function()


def adopting(id: str, **values: Any) -> dict[str, Any]:
    return properties(AdoptClientCertificateId=id, **values)


def update(
    environment: Environment,
    function: PackagedFunction,
    logical_id: str,
    id: str,
    old: Any,
    new: Any,
) -> dict[str, Any]:
    """Deliver an Update and return its event."""
    event = environment.event(
        "Update",
        LogicalResourceId=logical_id,
        PhysicalResourceId=id,
        OldResourceProperties=old,
        ResourceProperties=new,
    )
    assert function.invoke(event).outcome == "returned"
    return event


def delete(
    environment: Environment,
    function: PackagedFunction,
    logical_id: str,
    id: str,
    old: Any = None,
    **overrides: Any,
) -> None:
    """Deliver a Delete, which must succeed."""
    event = environment.event(
        "Delete",
        LogicalResourceId=logical_id,
        PhysicalResourceId=id,
        ResourceProperties=old or properties(),
        **overrides,
    )
    assert function.invoke(event).outcome == "returned"
    assert expect_success(environment, event) == id


def state(environment: Environment, id: str) -> tuple[str, dict[str, str]]:
    """Return a certificate's description and its tags without the ownership tags."""
    found = environment.api_gateway.store.certificates[id]
    tags = {k: v for k, v in found.tags.items() if not k.startswith("client-certificate:")}
    return found.description or "", tags


def foreign(environment: Environment, description: str = "theirs", **tags: str) -> str:
    return environment.api_gateway.store.generate(description, tags).id


def test_renamed_construct_keeps_its_certificate(
    environment: Environment, function: PackagedFunction
) -> None:
    _, a = create_certificate(environment, function, LogicalResourceId="Cert")
    create_certificate(
        environment, function, LogicalResourceId="Renamed", ResourceProperties=adopting(a)
    )
    delete(environment, function, "Cert", a)
    assert environment.api_gateway.ids == {a}
    tags = environment.api_gateway.store.certificates[a].tags
    assert (tags[STACK], tags[LOGICAL]) == (environment.stack_id, "Renamed")
    assert REQUEST not in tags
    delete(environment, function, "Renamed", a, adopting(a))
    assert environment.api_gateway.ids == {a}


def test_rolled_back_rename_leaves_the_certificate_to_the_first_resource(
    environment: Environment, function: PackagedFunction
) -> None:
    """The first resource still updates the certificate in place. Deleting the stack retains it."""
    event, a = create_certificate(environment, function, LogicalResourceId="Cert")
    create_certificate(
        environment, function, LogicalResourceId="Renamed", ResourceProperties=adopting(a)
    )
    delete(environment, function, "Renamed", a, adopting(a))
    old = event["ResourceProperties"]
    again = update(environment, function, "Cert", a, old, {**old, "Description": "again"})
    assert expect_success(environment, again) == a
    assert state(environment, a)[0] == "again"
    delete(environment, function, "Cert", a)
    assert environment.api_gateway.ids == {a}


def test_resource_that_stops_adopting_creates_its_own_certificate(
    environment: Environment, function: PackagedFunction
) -> None:
    b = foreign(environment)
    adopted = adopting(b, Description="ours")
    create_certificate(environment, function, LogicalResourceId="Cert", ResourceProperties=adopted)
    event = update(environment, function, "Cert", b, adopted, properties(Description="own"))
    own = expect_success(environment, event)
    assert own != b
    assert state(environment, own)[0] == "own"
    delete(environment, function, "Cert", b, adopted)  # CloudFormation's cleanup of the old ID
    assert environment.api_gateway.ids == {b, own}
    delete(environment, function, "Cert", own)
    assert environment.api_gateway.ids == {b}


@pytest.mark.parametrize("named", ["own", "adopted"])
@pytest.mark.parametrize("ending", ["failed half-way", "succeeded, another resource failed"])
def test_rollback_of_an_adoption_restores_the_original_certificate(
    environment: Environment, function: PackagedFunction, named: str, ending: str
) -> None:
    """CloudFormation may send the ID of either certificate as the physical ID."""
    old = properties(Description="own", Tags=tag_list(team="edge"))
    _, a = create_certificate(
        environment, function, LogicalResourceId="Cert", ResourceProperties=old
    )
    before = state(environment, a)
    b = foreign(environment)
    new = adopting(b, Description="adopted", Tags=tag_list(stage="prod"))
    if ending == "failed half-way":
        environment.api_gateway.inject(
            InjectedFault("PATCH", ".*", api_errors.error(400, "BadRequestException"))
        )
    event = update(environment, function, "Cert", a, old, new)
    (response,) = responses_to(environment, event)
    assert response["Status"] == ("FAILED" if ending == "failed half-way" else "SUCCESS")

    rollback = update(environment, function, "Cert", b if named == "adopted" else a, new, old)
    assert expect_success(environment, rollback) == a
    assert state(environment, a) == before
    delete(environment, function, "Cert", b, new)  # what CloudFormation sends after a changed ID
    assert environment.api_gateway.ids == {a, b}
    delete(environment, function, "Cert", a, old)
    assert environment.api_gateway.ids == {b}


def test_rollback_of_an_adoption_prefers_the_newest_certificate(
    environment: Environment, function: PackagedFunction
) -> None:
    """An older certificate of the same resource was retained deliberately."""
    create_certificate(environment, function, LogicalResourceId="Cert")
    (retained,) = environment.api_gateway.ids
    environment.api_gateway.store.certificates[
        retained
    ].created = environment.api_gateway.store.certificates[retained].created.replace(year=2025)
    _, a = create_certificate(environment, function, LogicalResourceId="Cert")
    b = foreign(environment)
    rollback = update(environment, function, "Cert", b, adopting(b), properties())
    assert expect_success(environment, rollback) == a


def test_adoption_keeps_what_the_template_omits(
    environment: Environment, function: PackagedFunction
) -> None:
    old = properties(Description="own", Tags=tag_list(team="edge", stage="prod"))
    _, a = create_certificate(
        environment, function, LogicalResourceId="Cert", ResourceProperties=old
    )
    b = foreign(environment, "theirs", team="core", owner="bob")
    event = update(environment, function, "Cert", a, old, adopting(b, Tags=tag_list(stage="test")))
    assert expect_success(environment, event) == b
    assert state(environment, b) == ("theirs", {"team": "core", "owner": "bob", "stage": "test"})


def test_adopted_certificate_is_updated_from_the_template(
    environment: Environment, function: PackagedFunction
) -> None:
    b = foreign(environment, "theirs", owner="bob")
    old = adopting(b, Description="ours", Tags=tag_list(team="edge"))
    create_certificate(environment, function, LogicalResourceId="Cert", ResourceProperties=old)
    event = update(environment, function, "Cert", b, old, adopting(b))
    assert expect_success(environment, event) == b
    assert state(environment, b) == ("", {"owner": "bob"})


def test_replacement_of_a_missing_adopted_certificate_is_deleted_with_the_stack(
    environment: Environment, function: PackagedFunction
) -> None:
    b = foreign(environment)
    old = adopting(b)
    create_certificate(environment, function, LogicalResourceId="Cert", ResourceProperties=old)
    del environment.api_gateway.store.certificates[b]
    new = adopting(b, Tags=tag_list(team="edge"))
    c = expect_success(environment, update(environment, function, "Cert", b, old, new))
    assert environment.api_gateway.ids == {c}
    delete(environment, function, "Cert", b, old)
    again = adopting(b, Tags=tag_list(team="core"))
    assert expect_success(environment, update(environment, function, "Cert", c, new, again)) == c
    assert state(environment, c)[1] == {"team": "core"}
    delete(environment, function, "Cert", c, again)
    assert not environment.api_gateway.ids


@pytest.mark.parametrize("left", ["with all three tags", "adopted"])
def test_recreated_stack_adopts_again_without_deleting(
    environment: Environment, function: PackagedFunction, left: str
) -> None:
    b = foreign(environment)
    if left == "adopted":
        create_certificate(
            environment, function, LogicalResourceId="Cert", ResourceProperties=adopting(b)
        )
        delete(environment, function, "Cert", b, adopting(b))
    else:
        _, b = create_certificate(environment, function, LogicalResourceId="Cert")
    environment.stack_id = environment.stack_id.replace("51af3dc0", "62b04ed1")
    # It still has the tags of the deleted stack, so this stack must not delete it.
    delete(environment, function, "Cert", b)
    assert b in environment.api_gateway.ids
    create_certificate(
        environment, function, LogicalResourceId="Cert", ResourceProperties=adopting(b)
    )
    assert environment.api_gateway.store.certificates[b].tags[STACK] == environment.stack_id
    delete(environment, function, "Cert", b, adopting(b))
    assert b in environment.api_gateway.ids


def test_failed_adoption_deletes_nothing(
    environment: Environment, function: PackagedFunction
) -> None:
    _, a = create_certificate(environment, function, LogicalResourceId="Cert")
    environment.api_gateway.inject(
        InjectedFault("DELETE", "/tags/.*", api_errors.error(400, "BadRequestException"))
    )
    event = environment.event("Create", LogicalResourceId="Renamed", ResourceProperties=adopting(a))
    function.invoke(event)
    id, _ = expect_failure(environment, event)
    delete(environment, function, "Renamed", id, adopting(a))
    assert environment.api_gateway.ids == {a}


def test_resource_that_adopts_its_own_certificate_does_not_delete_it(
    environment: Environment, function: PackagedFunction
) -> None:
    """The resource owns the certificate throughout: only the template says to keep it."""
    _, a = create_certificate(environment, function, LogicalResourceId="Cert")
    expect_success(environment, update(environment, function, "Cert", a, properties(), adopting(a)))
    delete(environment, function, "Cert", a, adopting(a))
    assert environment.api_gateway.ids == {a}
    expect_success(environment, update(environment, function, "Cert", a, adopting(a), properties()))
    delete(environment, function, "Cert", a)
    assert not environment.api_gateway.ids


@pytest.mark.parametrize(
    "stack_id",
    [
        "arn:aws:cloudformation:us-east-1:123456789012:stack/Other/51af3dc0-0000",
        "arn:aws:cloudformation:us-east-1:123456789012:stack/Stack2/51af3dc0-0000",
        "imported by another tool",
    ],
)
def test_refuses_to_adopt_a_certificate_of_another_stack(
    environment: Environment, function: PackagedFunction, stack_id: str
) -> None:
    b = foreign(environment, **{STACK: stack_id})
    event = environment.event("Create", ResourceProperties=adopting(b, Tags=tag_list(a="b")))
    function.invoke(event)
    _, reason = expect_failure(environment, event)
    assert f"client certificate {b} belongs to stack {stack_id}" in reason
    assert "untag-resource" in reason
    assert not [
        call
        for call in environment.api_gateway.writes
        if call.startswith(("PUT", "PATCH", "DELETE"))
    ]


@pytest.mark.parametrize("kind", ["Create", "Update"])
def test_refuses_to_adopt_a_missing_certificate(
    environment: Environment, function: PackagedFunction, kind: str
) -> None:
    """A rollback to such a template fails too and needs `continue-update-rollback`."""
    _, a = create_certificate(environment, function, LogicalResourceId="Cert")
    event = environment.event(
        kind,
        LogicalResourceId="Cert",
        PhysicalResourceId=a,
        ResourceProperties=adopting("gone42"),
        OldResourceProperties=properties(),
    )
    function.invoke(event)
    _, reason = expect_failure(environment, event)
    assert "client certificate gone42 does not exist" in reason
    assert environment.api_gateway.ids == {a}


@pytest.mark.parametrize("verb", ["PUT", "DELETE"])
@pytest.mark.parametrize("adopts", [True, False], ids=["adopt", "in place"])
def test_rejected_tag_call_leaves_the_description_unchanged(
    environment: Environment, function: PackagedFunction, verb: str, adopts: bool
) -> None:
    old = properties(Description="old", Tags=tag_list(team="edge"))
    _, a = create_certificate(
        environment, function, LogicalResourceId="Cert", ResourceProperties=old
    )
    logical_id, new = "Cert", properties(Description="new", Tags=tag_list(stage="prod"))
    if adopts:
        logical_id, old, new = "Other", properties(), {**new, "AdoptClientCertificateId": a}
    environment.api_gateway.inject(
        InjectedFault(verb, "/tags/.*", api_errors.error(400, "BadRequestException"))
    )
    expect_failure(
        environment, update(environment, function, logical_id, "gone42" if adopts else a, old, new)
    )
    assert state(environment, a)[0] == "old"


def test_delete_keeps_a_certificate_without_a_request_tag(
    environment: Environment, function: PackagedFunction
) -> None:
    _, a = create_certificate(environment, function, LogicalResourceId="Cert")
    del environment.api_gateway.store.certificates[a].tags[REQUEST]
    delete(environment, function, "Cert", a)
    assert environment.api_gateway.ids == {a}


def test_delete_keeps_the_certificate_of_another_resource(
    environment: Environment, function: PackagedFunction
) -> None:
    _, a = create_certificate(environment, function, LogicalResourceId="Cert")
    delete(environment, function, "Other", a)
    assert environment.api_gateway.ids == {a}
