"""Update: the live certificate becomes what the template wants, with no write beyond it."""

import re
from typing import Any

import pytest

from tests.fault import fakes
from tests.fault.expect import (
    created,
    deleted,
    failed,
    placeholder,
    properties,
    succeeded,
    tag_list,
    tags_of,
)
from tests.fault.fakes import Fault, World
from tests.fault.quick_handler import InProcess


def _update(
    aws: World, id: str, old: dict[str, Any], new: dict[str, Any], **overrides: Any
) -> dict[str, Any]:
    return aws.event(
        "Update",
        PhysicalResourceId=id,
        ResourceProperties=new,
        OldResourceProperties=old,
        **overrides,
    )


def _state(aws: World, id: str) -> tuple[str, dict[str, str]]:
    found = aws.api.api.certificates[id]
    return found.description or "", dict(found.tags)


OLD = properties(Description="old", Tags=tag_list(team="edge", stage="one", gone="soon"))
NEW = properties(Description="new", Tags=tag_list(team="edge", stage="two", added="now"))


@pytest.mark.failure_mode(14)
def test_update_replaces_a_certificate_deleted_by_hand(
    aws: World, here: InProcess, tags_told: bool
) -> None:
    event, id = created(aws, here, ResourceProperties=OLD)
    del aws.api.api.certificates[id]
    update = _update(aws, id, OLD, NEW)
    here.invoke(update)
    new = succeeded(aws, update)
    assert new != id
    assert _state(aws, new) == ("new", tags_of(update))
    deleted(aws, here, event, id)  # CloudFormation's cleanup of the old ID
    assert aws.api.ids == {new}
    deleted(aws, here, update)
    assert not aws.api.ids


@pytest.mark.failure_mode(14)
def test_repeated_update_replaces_a_missing_certificate_once(
    aws: World,
) -> None:
    first = aws.function()
    event, id = created(aws, first)
    del aws.api.api.certificates[id]
    update = _update(aws, id, event["ResourceProperties"], event["ResourceProperties"])
    aws.api.script(Fault("POST", "/clientcertificates", commit=True, do=first.kill))
    assert first.invoke(update).ended == "died"
    second = aws.function()
    second.invoke(update)
    assert aws.api.ids == {succeeded(aws, update)}


@pytest.mark.failure_mode(14)
def test_rollback_after_a_failed_replacement_succeeds(aws: World, here: InProcess) -> None:
    event, id = created(aws, here, ResourceProperties=OLD)
    del aws.api.api.certificates[id]
    update = _update(aws, id, OLD, NEW)
    aws.api.script(Fault("POST", ".*", fakes.error(400, "BadRequestException")))
    here.invoke(update)
    assert failed(aws, update)[0] == id
    rollback = _update(aws, id, NEW, OLD)
    here.invoke(rollback)
    new = succeeded(aws, rollback)
    assert _state(aws, new) == ("old", tags_of(rollback))
    deleted(aws, here, event, id)
    assert aws.api.ids == {new}


@pytest.mark.failure_mode(14)
@pytest.mark.parametrize("id", ["request:1234", "Stack_Logical_AB12", "../x", " "])
def test_update_with_an_invalid_physical_id_creates_a_certificate(
    aws: World, here: InProcess, id: str
) -> None:
    update = _update(aws, id, OLD, NEW)
    here.invoke(update)
    assert aws.api.ids == {succeeded(aws, update)}
    assert set(aws.api.calls) == {"GET /clientcertificates", "POST /clientcertificates"}


@pytest.mark.failure_mode(15)
@pytest.mark.parametrize(
    ("before", "after", "patches", "then"),
    [
        ({}, {}, 0, ""),
        ({}, {"Description": ""}, 0, ""),
        ({}, {"Description": "new"}, 1, "new"),
        ({"Description": ""}, {}, 0, ""),
        ({"Description": "old"}, {"Description": "old"}, 0, "old"),
        ({"Description": "old"}, {"Description": ""}, 1, ""),
        ({"Description": "old"}, {}, 1, ""),
        ({"Description": "old"}, {"Description": None}, 1, ""),
        ({"Description": "old"}, {"Description": "größer 💥 'x' \"y\" \n"}, 1, None),
        ({"Description": "old"}, {"Description": "x" * 20000}, 1, None),
    ],
)
def test_description_changes_reach_the_certificate(
    aws: World,
    here: InProcess,
    before: dict[str, Any],
    after: dict[str, Any],
    patches: int,
    then: str | None,
) -> None:
    old, new = properties(**before), properties(**after)
    _, id = created(aws, here, ResourceProperties=old)
    assert _state(aws, id)[0] == before.get("Description", "")
    update = _update(aws, id, old, new)
    here.invoke(update)
    assert succeeded(aws, update) == id
    assert aws.api.count("PATCH") == patches
    assert _state(aws, id)[0] == (after["Description"] if then is None else then)


@pytest.mark.failure_mode(15)
@pytest.mark.parametrize("description", ["größer 💥", "x" * 20000, "a\ud800b", "\u0000"])
def test_create_sends_the_description_unchanged(
    aws: World, here: InProcess, description: str
) -> None:
    _, id = created(aws, here, ResourceProperties=properties(Description=description))
    assert _state(aws, id)[0] == description


@pytest.mark.failure_mode(15)
def test_reason_quotes_a_rejected_description_error(aws: World, here: InProcess) -> None:
    refusal = fakes.error(400, "BadRequestException", "Description too long")
    aws.api.script(Fault("POST", ".*", refusal))
    event = aws.event("Create", ResourceProperties=properties(Description="x" * 20000))
    here.invoke(event)
    id, reason = failed(aws, event)
    assert id == placeholder(event)
    assert "Description too long" in reason
    assert "xxx" not in reason
    assert aws.api.count("POST") == 1


@pytest.mark.failure_mode(16)
def test_update_without_changes_makes_no_write(aws: World, here: InProcess) -> None:
    event, id = created(aws, here)
    del aws.api.calls[:]
    update = _update(aws, id, event["ResourceProperties"], event["ResourceProperties"])
    here.invoke(update)
    assert succeeded(aws, update) == id
    assert aws.api.calls == [f"GET /clientcertificates/{id}"]


@pytest.mark.failure_mode(16)
def test_update_of_tags_makes_no_patch(aws: World, here: InProcess) -> None:
    event, id = created(aws, here, ResourceProperties=OLD)
    update = _update(aws, id, OLD, {**OLD, "Tags": tag_list(team="edge", stage="two", gone="soon")})
    here.invoke(update)
    succeeded(aws, update)
    assert re.fullmatch(r"PUT /tags/.*", *aws.api.writes[1:])
    assert _state(aws, id) == ("old", {**tags_of(event), "stage": "two"})


@pytest.mark.failure_mode(17)
def test_update_changes_only_the_tags_that_the_template_changed(
    aws: World, here: InProcess
) -> None:
    event, id = created(aws, here, ResourceProperties=OLD)
    live = aws.api.api.certificates[id]
    live.tags |= {"by-hand": "kept", "stage": "by hand"}
    own = {key: value for key, value in tags_of(event).items() if ":" in key}
    update = _update(aws, id, OLD, NEW)
    here.invoke(update)
    assert succeeded(aws, update) == id
    wanted = {"team": "edge", "stage": "two", "added": "now"}
    assert _state(aws, id) == ("new", {**own, **wanted, "by-hand": "kept"})


@pytest.mark.failure_mode(17)
def test_update_replaces_all_47_tags_at_once(aws: World, here: InProcess) -> None:
    """50 is the limit, own tags included: the old go before the new come."""
    old = properties(Tags=tag_list(**{f"old{n}": "x" for n in range(47)}))
    new = properties(Tags=tag_list(**{f"new{n}": "x" for n in range(47)}))
    _, id = created(aws, here, ResourceProperties=old)
    update = _update(aws, id, old, new)
    here.invoke(update)
    succeeded(aws, update)
    assert len(_state(aws, id)[1]) == 50
    assert "new46" in _state(aws, id)[1]


@pytest.mark.failure_mode(17)
def test_update_gets_tags_missing_from_the_certificate(aws: World, here: InProcess) -> None:
    _, id = created(aws, here, ResourceProperties=OLD)
    document = f'{{"clientCertificateId": "{id}"}}'.encode()
    bare = fakes.Response(200, {}, document)
    aws.api.script(Fault("GET", f"/clientcertificates/{id}", bare))
    update = _update(aws, id, OLD, NEW)
    here.invoke(update)
    assert succeeded(aws, update) == id, "PEM and dates are read again where they were missing"
    assert _state(aws, id)[1]["stage"] == "two"


@pytest.mark.failure_mode(18)
@pytest.mark.parametrize("commit", [True, False], ids=["committed", "not-committed"])
@pytest.mark.parametrize("call", ["PATCH", "PUT", "DELETE"])
def test_rollback_restores_the_certificate_exactly(
    aws: World, here: InProcess, call: str, commit: bool
) -> None:
    _, id = created(aws, here, ResourceProperties=OLD)
    before = _state(aws, id)
    refusal = fakes.error(400, "BadRequestException")
    aws.api.script(Fault(call, ".*", refusal, commit=commit))
    update = _update(aws, id, OLD, NEW)
    here.invoke(update)
    assert failed(aws, update)[0] == id
    rollback = _update(aws, id, NEW, OLD)
    here.invoke(rollback)
    assert succeeded(aws, rollback) == id
    assert _state(aws, id) == before


@pytest.mark.failure_mode(18)
def test_rollback_removes_added_description_and_tags(aws: World, here: InProcess) -> None:
    event, id = created(aws, here, ResourceProperties=properties())
    before = _state(aws, id)
    update = _update(aws, id, properties(), NEW)
    here.invoke(update)
    succeeded(aws, update)
    rollback = _update(aws, id, NEW, properties())
    here.invoke(rollback)
    succeeded(aws, rollback)
    assert _state(aws, id) == before == ("", tags_of(event))


@pytest.mark.parametrize("response", [fakes.SERVER_ERROR, None], ids=["500", "reset"])
@pytest.mark.parametrize("call", ["GET", "PATCH", "PUT", "DELETE"])
def test_retries_an_ambiguous_call_of_an_update(
    aws: World, here: InProcess, call: str, response: fakes.Response | None
) -> None:
    event, id = created(aws, here, ResourceProperties=OLD)
    aws.api.script(Fault(call, ".*", response, commit=True))
    update = _update(aws, id, OLD, NEW)
    here.invoke(update)
    assert succeeded(aws, update) == id
    own = {key: value for key, value in tags_of(event).items() if ":" in key}
    assert _state(aws, id) == ("new", {**own, "team": "edge", "stage": "two", "added": "now"})
