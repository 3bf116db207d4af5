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


def test_row_14_a_certificate_deleted_by_hand_is_made_anew(
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


def test_row_14_the_update_that_made_it_anew_makes_one_however_often_it_is_delivered(
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


def test_row_14_the_rollback_after_it_never_wedges_the_stack(aws: World, here: InProcess) -> None:
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


@pytest.mark.parametrize("id", ["request:1234", "Stack_Logical_AB12", "../x", " "])
def test_row_14_an_update_of_what_was_never_made_makes_it(
    aws: World, here: InProcess, id: str
) -> None:
    update = _update(aws, id, OLD, NEW)
    here.invoke(update)
    assert aws.api.ids == {succeeded(aws, update)}
    assert set(aws.api.calls) == {"GET /clientcertificates", "POST /clientcertificates"}


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
def test_row_15_a_description_means_what_the_user_expects(
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


@pytest.mark.parametrize("description", ["größer 💥", "x" * 20000, "a\ud800b", "\u0000"])
def test_row_15_a_create_sends_the_description_as_it_is(
    aws: World, here: InProcess, description: str
) -> None:
    _, id = created(aws, here, ResourceProperties=properties(Description=description))
    assert _state(aws, id)[0] == description


def test_row_15_a_description_that_api_gateway_refuses_fails_with_its_words(
    aws: World, here: InProcess
) -> None:
    refusal = fakes.error(400, "BadRequestException", "Description too long")
    aws.api.script(Fault("POST", ".*", refusal))
    event = aws.event("Create", ResourceProperties=properties(Description="x" * 20000))
    here.invoke(event)
    id, reason = failed(aws, event)
    assert id == placeholder(event)
    assert "Description too long" in reason
    assert "xxx" not in reason
    assert aws.api.count("POST") == 1


def test_row_16_nothing_changed_is_one_get_and_no_write(aws: World, here: InProcess) -> None:
    event, id = created(aws, here)
    del aws.api.calls[:]
    update = _update(aws, id, event["ResourceProperties"], event["ResourceProperties"])
    here.invoke(update)
    assert succeeded(aws, update) == id
    assert aws.api.calls == [f"GET /clientcertificates/{id}"]


def test_row_16_only_tags_changed_is_no_patch(aws: World, here: InProcess) -> None:
    event, id = created(aws, here, ResourceProperties=OLD)
    update = _update(aws, id, OLD, {**OLD, "Tags": tag_list(team="edge", stage="two", gone="soon")})
    here.invoke(update)
    succeeded(aws, update)
    assert re.fullmatch(r"PUT /tags/.*", *aws.api.writes[1:])
    assert _state(aws, id) == ("old", {**tags_of(event), "stage": "two"})


def test_row_17_the_difference_goes_to_what_is_live_and_own_tags_stay(
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


def test_row_17_all_47_tags_can_be_exchanged_at_once(aws: World, here: InProcess) -> None:
    """50 is the limit, own tags included: the old go before the new come."""
    old = properties(Tags=tag_list(**{f"old{n}": "x" for n in range(47)}))
    new = properties(Tags=tag_list(**{f"new{n}": "x" for n in range(47)}))
    _, id = created(aws, here, ResourceProperties=old)
    update = _update(aws, id, old, new)
    here.invoke(update)
    succeeded(aws, update)
    assert len(_state(aws, id)[1]) == 50
    assert "new46" in _state(aws, id)[1]


def test_row_17_a_live_certificate_that_tells_no_tags_is_asked_for_them(
    aws: World, here: InProcess
) -> None:
    _, id = created(aws, here, ResourceProperties=OLD)
    document = f'{{"clientCertificateId": "{id}"}}'.encode()
    bare = fakes.Response(200, {}, document)
    aws.api.script(Fault("GET", f"/clientcertificates/{id}", bare))
    update = _update(aws, id, OLD, NEW)
    here.invoke(update)
    assert succeeded(aws, update) == id, "PEM and dates are read again where they were missing"
    assert _state(aws, id)[1]["stage"] == "two"


@pytest.mark.parametrize("commit", [True, False], ids=["committed", "not-committed"])
@pytest.mark.parametrize("call", ["PATCH", "PUT", "DELETE"])
def test_row_18_an_update_that_fails_half_way_is_rolled_back_exactly(
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


def test_row_18_what_the_update_put_besides_is_taken_off_by_the_rollback(
    aws: World, here: InProcess
) -> None:
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
def test_an_ambiguous_call_of_an_update_is_sent_again(
    aws: World, here: InProcess, call: str, response: fakes.Response | None
) -> None:
    event, id = created(aws, here, ResourceProperties=OLD)
    aws.api.script(Fault(call, ".*", response, commit=True))
    update = _update(aws, id, OLD, NEW)
    here.invoke(update)
    assert succeeded(aws, update) == id
    own = {key: value for key, value in tags_of(event).items() if ":" in key}
    assert _state(aws, id) == ("new", {**own, "team": "edge", "stage": "two", "added": "now"})
