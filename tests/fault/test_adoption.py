"""Adoption: a resource manages what it adopts, and deletes only what it made.

Each test is a sequence of requests as CloudFormation sends them, to the packaged handler.
"""

from typing import Any

import pytest

from tests.fault import fakes
from tests.fault.expect import answers_to, created, failed, properties, succeeded, tag_list
from tests.fault.fakes import Fault, Function, World

STACK = "client-certificate:stack-id"
LOGICAL = "client-certificate:logical-id"
REQUEST = "client-certificate:request-id"


@pytest.fixture
def function(aws: World, tags_told: bool) -> Function:
    """The packaged handler, with lists that contain tags and with lists that do not."""
    return aws.function()


def adopting(id: str, **values: Any) -> dict[str, Any]:
    return properties(AdoptClientCertificateId=id, **values)


def update(
    aws: World, function: Function, logical_id: str, id: str, old: Any, new: Any
) -> dict[str, Any]:
    """Deliver an Update and return its event."""
    event = aws.event(
        "Update",
        LogicalResourceId=logical_id,
        PhysicalResourceId=id,
        OldResourceProperties=old,
        ResourceProperties=new,
    )
    assert function.invoke(event).ended == "returned"
    return event


def delete(
    aws: World, function: Function, logical_id: str, id: str, old: Any = None, **overrides: Any
) -> None:
    """Deliver a Delete, which succeeds."""
    event = aws.event(
        "Delete",
        LogicalResourceId=logical_id,
        PhysicalResourceId=id,
        ResourceProperties=old or properties(),
        **overrides,
    )
    assert function.invoke(event).ended == "returned"
    assert succeeded(aws, event) == id


def state(aws: World, id: str) -> tuple[str, dict[str, str]]:
    """A certificate's description and its tags besides the handler's."""
    found = aws.api.api.certificates[id]
    tags = {k: v for k, v in found.tags.items() if not k.startswith("client-certificate:")}
    return found.description or "", tags


def foreign(aws: World, description: str = "theirs", **tags: str) -> str:
    return aws.api.api.generate(description, tags).id


def test_renamed_construct_keeps_its_certificate(aws: World, function: Function) -> None:
    _, a = created(aws, function, LogicalResourceId="Cert")
    created(aws, function, LogicalResourceId="Renamed", ResourceProperties=adopting(a))
    delete(aws, function, "Cert", a)
    assert aws.api.ids == {a}
    tags = aws.api.api.certificates[a].tags
    assert (tags[STACK], tags[LOGICAL]) == (aws.stack_id, "Renamed")
    assert REQUEST not in tags
    delete(aws, function, "Renamed", a, adopting(a))
    assert aws.api.ids == {a}


def test_rolled_back_rename_leaves_the_certificate_to_the_first_resource(
    aws: World, function: Function
) -> None:
    """The certificate is updated in place still, and destroying the stack leaves it."""
    event, a = created(aws, function, LogicalResourceId="Cert")
    created(aws, function, LogicalResourceId="Renamed", ResourceProperties=adopting(a))
    delete(aws, function, "Renamed", a, adopting(a))
    old = event["ResourceProperties"]
    again = update(aws, function, "Cert", a, old, {**old, "Description": "again"})
    assert succeeded(aws, again) == a
    assert state(aws, a)[0] == "again"
    delete(aws, function, "Cert", a)
    assert aws.api.ids == {a}


def test_resource_that_stops_adopting_creates_its_own_certificate(
    aws: World, function: Function
) -> None:
    b = foreign(aws)
    adopted = adopting(b, Description="ours")
    created(aws, function, LogicalResourceId="Cert", ResourceProperties=adopted)
    event = update(aws, function, "Cert", b, adopted, properties(Description="own"))
    own = succeeded(aws, event)
    assert own != b
    assert state(aws, own)[0] == "own"
    delete(aws, function, "Cert", b, adopted)  # the cleanup after the Update
    assert aws.api.ids == {b, own}
    delete(aws, function, "Cert", own)
    assert aws.api.ids == {b}


@pytest.mark.parametrize("named", ["own", "adopted"])
@pytest.mark.parametrize("ending", ["failed half-way", "succeeded, another resource failed"])
def test_rollback_of_an_adoption_restores_the_original_certificate(
    aws: World, function: Function, named: str, ending: str
) -> None:
    """CloudFormation may name either certificate as the physical ID."""
    old = properties(Description="own", Tags=tag_list(team="edge"))
    _, a = created(aws, function, LogicalResourceId="Cert", ResourceProperties=old)
    before = state(aws, a)
    b = foreign(aws)
    new = adopting(b, Description="adopted", Tags=tag_list(stage="prod"))
    if ending == "failed half-way":
        aws.api.script(Fault("PATCH", ".*", fakes.error(400, "BadRequestException")))
    event = update(aws, function, "Cert", a, old, new)
    (answer,) = answers_to(aws, event)
    assert answer["Status"] == ("FAILED" if ending == "failed half-way" else "SUCCESS")

    rollback = update(aws, function, "Cert", b if named == "adopted" else a, new, old)
    assert succeeded(aws, rollback) == a
    assert state(aws, a) == before
    delete(aws, function, "Cert", b, new)  # what CloudFormation sends after a changed ID
    assert aws.api.ids == {a, b}
    delete(aws, function, "Cert", a, old)
    assert aws.api.ids == {b}


def test_rollback_of_an_adoption_prefers_the_newest_certificate(
    aws: World, function: Function
) -> None:
    """An earlier one of the same resource was retained on purpose."""
    created(aws, function, LogicalResourceId="Cert")
    (retained,) = aws.api.ids
    aws.api.api.certificates[retained].created = aws.api.api.certificates[retained].created.replace(
        year=2025
    )
    _, a = created(aws, function, LogicalResourceId="Cert")
    b = foreign(aws)
    rollback = update(aws, function, "Cert", b, adopting(b), properties())
    assert succeeded(aws, rollback) == a


def test_adoption_keeps_what_the_template_omits(aws: World, function: Function) -> None:
    old = properties(Description="own", Tags=tag_list(team="edge", stage="prod"))
    _, a = created(aws, function, LogicalResourceId="Cert", ResourceProperties=old)
    b = foreign(aws, "theirs", team="core", owner="bob")
    event = update(aws, function, "Cert", a, old, adopting(b, Tags=tag_list(stage="test")))
    assert succeeded(aws, event) == b
    assert state(aws, b) == ("theirs", {"team": "core", "owner": "bob", "stage": "test"})


def test_adopted_certificate_is_updated_from_the_template(aws: World, function: Function) -> None:
    b = foreign(aws, "theirs", owner="bob")
    old = adopting(b, Description="ours", Tags=tag_list(team="edge"))
    created(aws, function, LogicalResourceId="Cert", ResourceProperties=old)
    event = update(aws, function, "Cert", b, old, adopting(b))
    assert succeeded(aws, event) == b
    assert state(aws, b) == ("", {"owner": "bob"})


def test_replacement_of_a_missing_adopted_certificate_is_deleted_with_the_stack(
    aws: World, function: Function
) -> None:
    b = foreign(aws)
    old = adopting(b)
    created(aws, function, LogicalResourceId="Cert", ResourceProperties=old)
    del aws.api.api.certificates[b]
    new = adopting(b, Tags=tag_list(team="edge"))
    c = succeeded(aws, update(aws, function, "Cert", b, old, new))
    assert aws.api.ids == {c}
    delete(aws, function, "Cert", b, old)
    again = adopting(b, Tags=tag_list(team="core"))
    assert succeeded(aws, update(aws, function, "Cert", c, new, again)) == c
    assert state(aws, c)[1] == {"team": "core"}
    delete(aws, function, "Cert", c, again)
    assert not aws.api.ids


@pytest.mark.parametrize("left", ["with all three tags", "adopted"])
def test_recreated_stack_adopts_again_without_deleting(
    aws: World, function: Function, left: str
) -> None:
    b = foreign(aws)
    if left == "adopted":
        created(aws, function, LogicalResourceId="Cert", ResourceProperties=adopting(b))
        delete(aws, function, "Cert", b, adopting(b))
    else:
        _, b = created(aws, function, LogicalResourceId="Cert")
    aws.stack_id = aws.stack_id.replace("51af3dc0", "62b04ed1")
    # While it still carries the tags of the deleted stack, it is not this stack's to delete.
    delete(aws, function, "Cert", b)
    assert b in aws.api.ids
    created(aws, function, LogicalResourceId="Cert", ResourceProperties=adopting(b))
    assert aws.api.api.certificates[b].tags[STACK] == aws.stack_id
    delete(aws, function, "Cert", b, adopting(b))
    assert b in aws.api.ids


def test_failed_adoption_deletes_nothing(aws: World, function: Function) -> None:
    _, a = created(aws, function, LogicalResourceId="Cert")
    aws.api.script(Fault("DELETE", "/tags/.*", fakes.error(400, "BadRequestException")))
    event = aws.event("Create", LogicalResourceId="Renamed", ResourceProperties=adopting(a))
    function.invoke(event)
    id, _ = failed(aws, event)
    delete(aws, function, "Renamed", id, adopting(a))
    assert aws.api.ids == {a}


def test_resource_that_adopts_its_own_certificate_does_not_delete_it(
    aws: World, function: Function
) -> None:
    """It owns the certificate all the while: the template alone says not to delete it."""
    _, a = created(aws, function, LogicalResourceId="Cert")
    succeeded(aws, update(aws, function, "Cert", a, properties(), adopting(a)))
    delete(aws, function, "Cert", a, adopting(a))
    assert aws.api.ids == {a}
    succeeded(aws, update(aws, function, "Cert", a, adopting(a), properties()))
    delete(aws, function, "Cert", a)
    assert not aws.api.ids


@pytest.mark.parametrize(
    "stack_id",
    [
        "arn:aws:cloudformation:us-east-1:123456789012:stack/Other/51af3dc0-0000",
        "arn:aws:cloudformation:us-east-1:123456789012:stack/Stack2/51af3dc0-0000",
        "imported by another tool",
    ],
)
def test_refuses_to_adopt_a_certificate_of_another_stack(
    aws: World, function: Function, stack_id: str
) -> None:
    b = foreign(aws, **{STACK: stack_id})
    event = aws.event("Create", ResourceProperties=adopting(b, Tags=tag_list(a="b")))
    function.invoke(event)
    _, reason = failed(aws, event)
    assert f"client certificate {b} belongs to stack {stack_id}" in reason
    assert "untag-resource" in reason
    assert not [call for call in aws.api.writes if call.startswith(("PUT", "PATCH", "DELETE"))]


@pytest.mark.parametrize("kind", ["Create", "Update"])
def test_refuses_to_adopt_a_missing_certificate(aws: World, function: Function, kind: str) -> None:
    """A rollback to it fails too, and needs `continue-update-rollback`."""
    _, a = created(aws, function, LogicalResourceId="Cert")
    event = aws.event(
        kind,
        LogicalResourceId="Cert",
        PhysicalResourceId=a,
        ResourceProperties=adopting("gone42"),
        OldResourceProperties=properties(),
    )
    function.invoke(event)
    _, reason = failed(aws, event)
    assert "client certificate gone42 does not exist" in reason
    assert aws.api.ids == {a}


@pytest.mark.parametrize("verb", ["PUT", "DELETE"])
@pytest.mark.parametrize("adopts", [True, False], ids=["adopt", "in place"])
def test_rejected_tag_call_leaves_the_description_unchanged(
    aws: World, function: Function, verb: str, adopts: bool
) -> None:
    old = properties(Description="old", Tags=tag_list(team="edge"))
    _, a = created(aws, function, LogicalResourceId="Cert", ResourceProperties=old)
    logical_id, new = "Cert", properties(Description="new", Tags=tag_list(stage="prod"))
    if adopts:
        logical_id, old, new = "Other", properties(), {**new, "AdoptClientCertificateId": a}
    aws.api.script(Fault(verb, "/tags/.*", fakes.error(400, "BadRequestException")))
    failed(aws, update(aws, function, logical_id, "gone42" if adopts else a, old, new))
    assert state(aws, a)[0] == "old"


def test_delete_keeps_a_certificate_without_a_request_tag(aws: World, function: Function) -> None:
    _, a = created(aws, function, LogicalResourceId="Cert")
    del aws.api.api.certificates[a].tags[REQUEST]
    delete(aws, function, "Cert", a)
    assert aws.api.ids == {a}


def test_delete_keeps_the_certificate_of_another_resource(aws: World, function: Function) -> None:
    _, a = created(aws, function, LogicalResourceId="Cert")
    delete(aws, function, "Other", a)
    assert aws.api.ids == {a}
