"""The process is killed at every moment at which it can matter, and Lambda delivers again.

Each kill is a SIGKILL that the fakes send at an exact moment: at each call, before and after it
took effect, and at the answer, before and after CloudFormation took it. Deliveries that
nobody kills run in this process.
"""

import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from tests.fault.expect import (
    answers_to,
    attributes,
    created,
    delete_of,
    properties,
    succeeded,
    tag_list,
)
from tests.fault.fakes import Fault, Function, World
from tests.fault.quick_handler import InProcess

MOMENTS = ("before", "after")
OLD = properties(Description="old", Tags=tag_list(team="edge", gone="soon"))
NEW = properties(Description="new", Tags=tag_list(team="core", added="now"))


def _kill_at_call(aws: World, function: Function, call: tuple[str, str], moment: str) -> None:
    aws.api.script(Fault(*call, commit=moment == "after", do=function.kill))


def _kill_at_answer(aws: World, function: Function, moment: str) -> None:
    def die() -> None:
        if moment == "after":
            aws.cloudformation.answers.append(json.loads(aws.cloudformation.tries[-1]))
        function.kill()

    aws.cloudformation.script = [die]


LIST = ("GET", "/clientcertificates")
CREATE_KILLS: dict[str, Callable[[World, Function], None]] = {
    **{
        f"{call[0]}-{moment}": lambda aws, function, call=call, moment=moment: _kill_at_call(
            aws, function, call, moment
        )
        for call in (LIST, ("POST", ".*"))
        for moment in MOMENTS
    },
    **{
        f"answer-{moment}": lambda aws, function, moment=moment: _kill_at_answer(
            aws, function, moment
        )
        for moment in MOMENTS
    },
}


@pytest.mark.failure_mode(1)
@pytest.mark.parametrize("kill", CREATE_KILLS.values(), ids=CREATE_KILLS)
def test_killed_create_leaves_one_certificate_for_the_retry(
    aws: World, here: InProcess, kill: Callable[[World, Function], None]
) -> None:
    theirs = {aws.api.api.generate("theirs", {}).id}
    event = aws.event("Create")
    first = aws.function()
    kill(aws, first)
    assert first.invoke(event).ended == "died"
    assert here.invoke(event).ended == "returned"
    answers = answers_to(aws, event)
    assert [answer["Status"] for answer in answers] == ["SUCCESS"] * len(answers)
    assert len({answer["PhysicalResourceId"] for answer in answers}) == 1
    assert answers[-1]["Data"] == attributes(aws, answers[-1]["PhysicalResourceId"])
    assert len(aws.api.ids - theirs) == 1
    assert aws.api.count("POST") <= 2

    delete = delete_of(aws, event)
    here.invoke(delete)
    succeeded(aws, delete)
    assert aws.api.ids == theirs


@pytest.mark.failure_mode(18)
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("call", ["GET", "PATCH", "PUT", "DELETE"])
def test_redelivery_completes_a_killed_update(
    aws: World, here: InProcess, call: str, moment: str
) -> None:
    event, id = created(aws, here, ResourceProperties=OLD)
    update = aws.event(
        "Update", PhysicalResourceId=id, ResourceProperties=NEW, OldResourceProperties=OLD
    )
    first = aws.function()
    _kill_at_call(aws, first, (call, ".*"), moment)
    assert first.invoke(update).ended == "died"
    here.invoke(update)
    assert succeeded(aws, update) == id
    live = aws.api.api.certificates[id]
    user = {key: value for key, value in live.tags.items() if ":" not in key}
    assert (live.description, user) == ("new", {"team": "core", "added": "now"})
    assert live.tags["client-certificate:request-id"] == event["RequestId"]


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("call", [LIST, ("DELETE", ".*")], ids=["list", "delete"])
def test_redelivery_completes_a_killed_delete(
    aws: World, here: InProcess, call: tuple[str, str], moment: str
) -> None:
    event, _ = created(aws, here)
    aws.api.api.generate("backend", dict(next(iter(aws.api.api.certificates.values())).tags))
    theirs = aws.api.api.generate("theirs", {}).id
    delete = delete_of(aws, event)
    first = aws.function()
    _kill_at_call(aws, first, call, moment)
    assert first.invoke(delete).ended == "died"
    here.invoke(delete)
    succeeded(aws, delete)
    assert aws.api.ids == {theirs}, "the sibling went first, so that the rest was found again"


@pytest.mark.parametrize("seed", range(2))
def test_random_kills_during_a_full_lifecycle_leave_nothing(aws: World, seed: int) -> None:
    """Lambda delivers each event up to three times; in the end CloudFormation deletes."""
    chance = random.Random(seed)
    aws.api.api.tags_in_list = bool(seed % 2)
    theirs = {aws.api.api.generate("theirs", {}).id}
    function = aws.function()

    def deliver(event: dict[str, Any]) -> dict[str, Any]:
        nonlocal function
        for _ in range(2):
            method = chance.choice(["GET", "POST", "PUT", "PATCH", "DELETE"])
            aws.api.faults = [Fault(method, ".*", commit=chance.random() < 0.5, do=function.kill)]
            if function.invoke(event).ended == "returned":
                break
            function = aws.function()
        else:
            aws.api.faults = []
            assert function.invoke(event).ended == "returned"
        aws.api.faults = []
        return answers_to(aws, event)[-1]

    create = aws.event("Create", ResourceProperties=OLD)
    id = deliver(create)["PhysicalResourceId"]
    assert aws.api.ids == {*theirs, id}
    properties = [OLD, NEW]
    for _ in range(2):
        old, new = properties
        update = aws.event(
            "Update", PhysicalResourceId=id, ResourceProperties=new, OldResourceProperties=old
        )
        assert deliver(update)["PhysicalResourceId"] == id
        properties.reverse()
    assert aws.api.api.certificates[id].description == "old"
    assert deliver(delete_of(aws, create, id))["Status"] == "SUCCESS"
    assert aws.api.ids == theirs
