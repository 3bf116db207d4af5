"""Row 5: calls to API Gateway for each request; counts, so once is enough."""

from typing import Any

from bench import contenders
from bench.contenders import PROPERTIES, Contender, Service
from bench.measure import Figure

TITLE = "Calls to API Gateway a request"
ROUNDS = 1


def run(_rounds: int) -> list[Figure]:
    """Each request of a certificate's life, counted on the wire."""
    figures = []
    with contenders.service() as service:
        for contender in (contenders.ours(), contenders.aws_custom_resource()):
            figures += _count(service, contender)
        # Not its Delete: it sleeps for two minutes first (row 4).
        figures += [_calls(service, contenders.plain_crhelper(), "Create", {}, "Create")[0]]
    return figures


def _count(service: Service, contender: Contender) -> list[Figure]:
    created, answer = _calls(service, contender, "Create", {}, "Create")
    identity = {"PhysicalResourceId": answer["PhysicalResourceId"]}
    figures = [created]
    if contender.name == "ours":
        old = {"OldResourceProperties": PROPERTIES}
        former = {"OldResourceProperties": {**PROPERTIES, "Description": "former"}}
        nothing, _ = _calls(service, contender, "Update", identity | old, "Update of nothing")
        service.world.api_gateway.store.certificates[
            answer["PhysicalResourceId"]
        ].description = "former"
        description, _ = _calls(
            service, contender, "Update", identity | former, "Update of the description"
        )
        figures += [nothing, description]
    deleted, _ = _calls(service, contender, "Delete", identity, "Delete")
    return [*figures, deleted]


GOALS = {
    "Create": 2,
    "Update of nothing": 1,
    "Update of the description": 2,
    "Delete": 2,
}


def _calls(
    service: Service, contender: Contender, kind: str, overrides: dict[str, Any], title: str
) -> tuple[Figure, Any]:
    service.world.api_gateway.calls.clear()
    _, answer = service.answer(contender, kind, **overrides)
    count = len(service.world.api_gateway.calls)
    if contender.name != "ours":
        return Figure(contender.name, title, count, "calls"), answer
    goal = GOALS[title]
    return Figure("ours", title, count, "calls", goal=f"≤ {goal}", met=count <= goal), answer
