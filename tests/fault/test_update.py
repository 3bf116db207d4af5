"""Update: brings the certificate into the desired state with as few writes as possible."""

import re
from typing import Any

import pytest

from handler_testing import api_errors
from handler_testing.environment import Environment
from handler_testing.fake_api_gateway import InjectedFault
from handler_testing.in_process_function import InProcessFunction
from local_aws.responses import Response
from tests.fault.expect import (
    create_certificate,
    delete_certificate,
    expect_failure,
    expect_success,
    expected_tags,
    placeholder_id,
    properties,
    tag_list,
)


def _update(
    environment: Environment, id: str, old: dict[str, Any], new: dict[str, Any], **overrides: Any
) -> dict[str, Any]:
    return environment.event(
        "Update",
        PhysicalResourceId=id,
        ResourceProperties=new,
        OldResourceProperties=old,
        **overrides,
    )


def _state(environment: Environment, id: str) -> tuple[str, dict[str, str]]:
    found = environment.api_gateway.store.certificates[id]
    return found.description or "", dict(found.tags)


OLD = properties(Description="old", Tags=tag_list(team="edge", stage="one", gone="soon"))
NEW = properties(Description="new", Tags=tag_list(team="edge", stage="two", added="now"))


@pytest.mark.failure_mode(14)
@pytest.mark.usefixtures("tags_in_list")
def test_update_replaces_a_certificate_deleted_by_hand(
    environment: Environment, in_process: InProcessFunction
) -> None:
    event, id = create_certificate(environment, in_process, ResourceProperties=OLD)
    del environment.api_gateway.store.certificates[id]
    update = _update(environment, id, OLD, NEW)
    in_process.invoke(update)
    new = expect_success(environment, update)
    assert new != id
    assert _state(environment, new) == ("new", expected_tags(update))
    delete_certificate(environment, in_process, event, id)  # CloudFormation's cleanup of the old ID
    assert environment.api_gateway.ids == {new}
    delete_certificate(environment, in_process, update)
    assert not environment.api_gateway.ids


@pytest.mark.failure_mode(14)
def test_repeated_update_replaces_a_missing_certificate_once(
    environment: Environment,
) -> None:
    first = environment.function()
    event, id = create_certificate(environment, first)
    del environment.api_gateway.store.certificates[id]
    update = _update(environment, id, event["ResourceProperties"], event["ResourceProperties"])
    environment.api_gateway.inject(
        InjectedFault("POST", "/clientcertificates", commit=True, do=first.kill)
    )
    assert first.invoke(update).outcome == "died"
    second = environment.function()
    second.invoke(update)
    assert environment.api_gateway.ids == {expect_success(environment, update)}


@pytest.mark.failure_mode(14)
def test_rollback_after_a_failed_replacement_succeeds(
    environment: Environment, in_process: InProcessFunction
) -> None:
    event, id = create_certificate(environment, in_process, ResourceProperties=OLD)
    del environment.api_gateway.store.certificates[id]
    update = _update(environment, id, OLD, NEW)
    environment.api_gateway.inject(
        InjectedFault("POST", ".*", api_errors.error(400, "BadRequestException"))
    )
    in_process.invoke(update)
    assert expect_failure(environment, update)[0] == id
    rollback = _update(environment, id, NEW, OLD)
    in_process.invoke(rollback)
    new = expect_success(environment, rollback)
    assert _state(environment, new) == ("old", expected_tags(rollback))
    delete_certificate(environment, in_process, event, id)
    assert environment.api_gateway.ids == {new}


@pytest.mark.failure_mode(14)
@pytest.mark.parametrize("id", ["request:1234", "Stack_Logical_AB12", "../x", " "])
def test_update_with_an_invalid_physical_id_creates_a_certificate(
    environment: Environment, in_process: InProcessFunction, id: str
) -> None:
    update = _update(environment, id, OLD, NEW)
    in_process.invoke(update)
    assert environment.api_gateway.ids == {expect_success(environment, update)}
    assert set(environment.api_gateway.calls) == {
        "GET /clientcertificates",
        "POST /clientcertificates",
    }


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
    environment: Environment,
    in_process: InProcessFunction,
    before: dict[str, Any],
    after: dict[str, Any],
    patches: int,
    then: str | None,
) -> None:
    old, new = properties(**before), properties(**after)
    _, id = create_certificate(environment, in_process, ResourceProperties=old)
    assert _state(environment, id)[0] == before.get("Description", "")
    update = _update(environment, id, old, new)
    in_process.invoke(update)
    assert expect_success(environment, update) == id
    assert environment.api_gateway.count("PATCH") == patches
    assert _state(environment, id)[0] == (after["Description"] if then is None else then)


@pytest.mark.failure_mode(15)
@pytest.mark.parametrize("description", ["größer 💥", "x" * 20000, "a\ud800b", "\u0000"])
def test_create_sends_the_description_unchanged(
    environment: Environment, in_process: InProcessFunction, description: str
) -> None:
    _, id = create_certificate(
        environment, in_process, ResourceProperties=properties(Description=description)
    )
    assert _state(environment, id)[0] == description


@pytest.mark.failure_mode(15)
def test_reason_quotes_a_rejected_description_error(
    environment: Environment, in_process: InProcessFunction
) -> None:
    refusal = api_errors.error(400, "BadRequestException", "Description too long")
    environment.api_gateway.inject(InjectedFault("POST", ".*", refusal))
    event = environment.event("Create", ResourceProperties=properties(Description="x" * 20000))
    in_process.invoke(event)
    id, reason = expect_failure(environment, event)
    assert id == placeholder_id(event)
    assert "Description too long" in reason
    assert "xxx" not in reason
    assert environment.api_gateway.count("POST") == 1


@pytest.mark.failure_mode(16)
def test_update_without_changes_makes_no_write(
    environment: Environment, in_process: InProcessFunction
) -> None:
    event, id = create_certificate(environment, in_process)
    del environment.api_gateway.calls[:]
    update = _update(environment, id, event["ResourceProperties"], event["ResourceProperties"])
    in_process.invoke(update)
    assert expect_success(environment, update) == id
    assert environment.api_gateway.calls == [f"GET /clientcertificates/{id}"]


@pytest.mark.failure_mode(16)
def test_update_of_tags_makes_no_patch(
    environment: Environment, in_process: InProcessFunction
) -> None:
    event, id = create_certificate(environment, in_process, ResourceProperties=OLD)
    update = _update(
        environment, id, OLD, {**OLD, "Tags": tag_list(team="edge", stage="two", gone="soon")}
    )
    in_process.invoke(update)
    expect_success(environment, update)
    (write,) = environment.api_gateway.writes[1:]
    assert re.fullmatch(r"PUT /tags/.*", write)
    assert _state(environment, id) == ("old", {**expected_tags(event), "stage": "two"})


@pytest.mark.failure_mode(17)
def test_update_changes_only_the_tags_that_the_template_changed(
    environment: Environment, in_process: InProcessFunction
) -> None:
    event, id = create_certificate(environment, in_process, ResourceProperties=OLD)
    live = environment.api_gateway.store.certificates[id]
    live.tags |= {"by-hand": "kept", "stage": "by hand"}
    own = {key: value for key, value in expected_tags(event).items() if ":" in key}
    update = _update(environment, id, OLD, NEW)
    in_process.invoke(update)
    assert expect_success(environment, update) == id
    desired = {"team": "edge", "stage": "two", "added": "now"}
    assert _state(environment, id) == ("new", {**own, **desired, "by-hand": "kept"})


@pytest.mark.failure_mode(17)
def test_update_replaces_all_47_tags_at_once(
    environment: Environment, in_process: InProcessFunction
) -> None:
    """50 tags are the limit, so the handler removes the old ones before it adds the new ones."""
    old = properties(Tags=tag_list(**{f"old{n}": "x" for n in range(47)}))
    new = properties(Tags=tag_list(**{f"new{n}": "x" for n in range(47)}))
    _, id = create_certificate(environment, in_process, ResourceProperties=old)
    update = _update(environment, id, old, new)
    in_process.invoke(update)
    expect_success(environment, update)
    assert len(_state(environment, id)[1]) == 50
    assert "new46" in _state(environment, id)[1]


@pytest.mark.failure_mode(17)
def test_update_gets_tags_missing_from_the_certificate(
    environment: Environment, in_process: InProcessFunction
) -> None:
    _, id = create_certificate(environment, in_process, ResourceProperties=OLD)
    document = f'{{"clientCertificateId": "{id}"}}'.encode()
    bare = Response(200, {}, document)
    environment.api_gateway.inject(InjectedFault("GET", f"/clientcertificates/{id}", bare))
    update = _update(environment, id, OLD, NEW)
    in_process.invoke(update)
    assert expect_success(environment, update) == id, (
        "PEM and dates are read again where they were missing"
    )
    assert _state(environment, id)[1]["stage"] == "two"


@pytest.mark.failure_mode(18)
@pytest.mark.parametrize("commit", [True, False], ids=["committed", "not-committed"])
@pytest.mark.parametrize("call", ["PATCH", "PUT", "DELETE"])
def test_rollback_restores_the_certificate_exactly(
    environment: Environment, in_process: InProcessFunction, call: str, commit: bool
) -> None:
    _, id = create_certificate(environment, in_process, ResourceProperties=OLD)
    before = _state(environment, id)
    refusal = api_errors.error(400, "BadRequestException")
    environment.api_gateway.inject(InjectedFault(call, ".*", refusal, commit=commit))
    update = _update(environment, id, OLD, NEW)
    in_process.invoke(update)
    assert expect_failure(environment, update)[0] == id
    rollback = _update(environment, id, NEW, OLD)
    in_process.invoke(rollback)
    assert expect_success(environment, rollback) == id
    assert _state(environment, id) == before


@pytest.mark.failure_mode(18)
def test_rollback_removes_added_description_and_tags(
    environment: Environment, in_process: InProcessFunction
) -> None:
    event, id = create_certificate(environment, in_process, ResourceProperties=properties())
    before = _state(environment, id)
    update = _update(environment, id, properties(), NEW)
    in_process.invoke(update)
    expect_success(environment, update)
    rollback = _update(environment, id, NEW, properties())
    in_process.invoke(rollback)
    expect_success(environment, rollback)
    assert _state(environment, id) == before == ("", expected_tags(event))


@pytest.mark.parametrize("response", [api_errors.SERVER_ERROR, None], ids=["500", "reset"])
@pytest.mark.parametrize("call", ["GET", "PATCH", "PUT", "DELETE"])
def test_retries_an_ambiguous_call_of_an_update(
    environment: Environment, in_process: InProcessFunction, call: str, response: Response | None
) -> None:
    event, id = create_certificate(environment, in_process, ResourceProperties=OLD)
    environment.api_gateway.inject(InjectedFault(call, ".*", response, commit=True))
    update = _update(environment, id, OLD, NEW)
    in_process.invoke(update)
    assert expect_success(environment, update) == id
    own = {key: value for key, value in expected_tags(event).items() if ":" in key}
    assert _state(environment, id) == (
        "new",
        {**own, "team": "edge", "stage": "two", "added": "now"},
    )
