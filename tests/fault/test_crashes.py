"""Kill the handler's process at every critical moment, then redeliver the event.

The fakes send SIGKILL before or after a call takes effect, and before or after CloudFormation
accepts the response. Redeliveries run in this process.
"""

import json
import random
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from handler_testing.environment import Environment
from handler_testing.fake_api_gateway import InjectedFault
from handler_testing.in_process_function import InProcessFunction
from handler_testing.packaged_function import PackagedFunction
from tests.fault.expect import (
    attributes,
    create_certificate,
    delete_event,
    expect_success,
    properties,
    responses_to,
    tag_list,
)

MOMENTS = ("before", "after")
OLD = properties(Description="old", Tags=tag_list(team="edge", gone="soon"))
NEW = properties(Description="new", Tags=tag_list(team="core", added="now"))


def _kill_at_call(
    environment: Environment, function: PackagedFunction, call: tuple[str, str], moment: str
) -> None:
    environment.api_gateway.inject(InjectedFault(*call, commit=moment == "after", do=function.kill))


def _kill_at_response(environment: Environment, function: PackagedFunction, moment: str) -> None:
    def die() -> None:
        if moment == "after":
            environment.cloudformation.responses.append(
                json.loads(environment.cloudformation.attempts[-1])
            )
        function.kill()

    environment.cloudformation.script = [die]


Kill = Callable[[Environment, PackagedFunction], None]

LIST = ("GET", "/clientcertificates")
CREATE_KILLS: dict[str, Kill] = {
    **{
        f"{call[0]}-{moment}": partial(_kill_at_call, call=call, moment=moment)
        for call in (LIST, ("POST", ".*"))
        for moment in MOMENTS
    },
    **{f"response-{moment}": partial(_kill_at_response, moment=moment) for moment in MOMENTS},
}


@pytest.mark.failure_mode(1)
@pytest.mark.parametrize("kill", CREATE_KILLS.values(), ids=CREATE_KILLS)
def test_killed_create_leaves_one_certificate_for_the_retry(
    environment: Environment,
    in_process: InProcessFunction,
    kill: Kill,
) -> None:
    foreign = {environment.api_gateway.store.generate("theirs", {}).id}
    event = environment.event("Create")
    first = environment.function()
    kill(environment, first)
    assert first.invoke(event).outcome == "died"
    assert in_process.invoke(event).outcome == "returned"
    responses = responses_to(environment, event)
    assert [response["Status"] for response in responses] == ["SUCCESS"] * len(responses)
    assert len({response["PhysicalResourceId"] for response in responses}) == 1
    assert responses[-1]["Data"] == attributes(environment, responses[-1]["PhysicalResourceId"])
    assert len(environment.api_gateway.ids - foreign) == 1
    assert environment.api_gateway.count("POST") <= 2

    delete = delete_event(environment, event)
    in_process.invoke(delete)
    expect_success(environment, delete)
    assert environment.api_gateway.ids == foreign


@pytest.mark.failure_mode(18)
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("call", ["GET", "PATCH", "PUT", "DELETE"])
def test_redelivery_completes_a_killed_update(
    environment: Environment, in_process: InProcessFunction, call: str, moment: str
) -> None:
    event, id = create_certificate(environment, in_process, ResourceProperties=OLD)
    update = environment.event(
        "Update", PhysicalResourceId=id, ResourceProperties=NEW, OldResourceProperties=OLD
    )
    first = environment.function()
    _kill_at_call(environment, first, (call, ".*"), moment)
    assert first.invoke(update).outcome == "died"
    in_process.invoke(update)
    assert expect_success(environment, update) == id
    live = environment.api_gateway.store.certificates[id]
    user = {key: value for key, value in live.tags.items() if ":" not in key}
    assert (live.description, user) == ("new", {"team": "core", "added": "now"})
    assert live.tags["client-certificate:request-id"] == event["RequestId"]


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("call", [LIST, ("DELETE", ".*")], ids=["list", "delete"])
def test_redelivery_completes_a_killed_delete(
    environment: Environment, in_process: InProcessFunction, call: tuple[str, str], moment: str
) -> None:
    event, _ = create_certificate(environment, in_process)
    environment.api_gateway.store.generate(
        "backend", dict(next(iter(environment.api_gateway.store.certificates.values())).tags)
    )
    foreign = environment.api_gateway.store.generate("theirs", {}).id
    delete = delete_event(environment, event)
    first = environment.function()
    _kill_at_call(environment, first, call, moment)
    assert first.invoke(delete).outcome == "died"
    in_process.invoke(delete)
    expect_success(environment, delete)
    assert environment.api_gateway.ids == {foreign}, (
        "the other certificate of the request was deleted first"
    )


@pytest.mark.parametrize("seed", range(2))
def test_random_kills_during_a_full_lifecycle_leave_nothing(
    environment: Environment, seed: int
) -> None:
    """Deliver each event up to three times, as Lambda does, and send a Delete at the end."""
    generator = random.Random(seed)
    environment.api_gateway.store.tags_in_list = bool(seed % 2)
    foreign = {environment.api_gateway.store.generate("theirs", {}).id}
    function = environment.function()

    def deliver(event: dict[str, Any]) -> dict[str, Any]:
        nonlocal function
        for _ in range(2):
            method = generator.choice(["GET", "POST", "PUT", "PATCH", "DELETE"])
            environment.api_gateway.faults = [
                InjectedFault(method, ".*", commit=generator.random() < 0.5, do=function.kill)
            ]
            if function.invoke(event).outcome == "returned":
                break
            function = environment.function()
        else:
            environment.api_gateway.faults = []
            assert function.invoke(event).outcome == "returned"
        environment.api_gateway.faults = []
        return responses_to(environment, event)[-1]

    create = environment.event("Create", ResourceProperties=OLD)
    id = deliver(create)["PhysicalResourceId"]
    assert environment.api_gateway.ids == {*foreign, id}
    properties = [OLD, NEW]
    for _ in range(2):
        old, new = properties
        update = environment.event(
            "Update", PhysicalResourceId=id, ResourceProperties=new, OldResourceProperties=old
        )
        assert deliver(update)["PhysicalResourceId"] == id
        properties.reverse()
    assert environment.api_gateway.store.certificates[id].description == "old"
    assert deliver(delete_event(environment, create, id))["Status"] == "SUCCESS"
    assert environment.api_gateway.ids == foreign
