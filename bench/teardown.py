"""Row 4: a Delete, from the event to the delivered answer."""

from functools import partial

from bench import contenders
from bench.contenders import Contender, Service
from bench.measure import Figure, alternate, figure

TITLE = "Teardown: a cold Delete, from the process's start to the delivered answer"
ROUNDS = 10


def run(rounds: int) -> list[Figure]:
    """Seconds of each. crhelper's default sleep is measured once: 120 s do not vary."""
    with contenders.service() as service:
        competing = [contenders.ours(), contenders.aws_custom_resource()]
        walls = alternate({it.name: partial(_delete, service, it) for it in competing}, rounds)
        sleeping = _delete(service, contenders.plain_crhelper())
    return [
        figure("ours", "wall", walls["ours"], "s", at_most=10),
        figure("AwsCustomResource", "wall", walls["AwsCustomResource"], "s"),
        Figure("plain crhelper, its default sleep", "wall", sleeping, "s"),
    ]


def _delete(service: Service, contender: Contender) -> float:
    event = service.world.event("Create")
    made = service.world.api_gateway.store.generate("backend", {"team": "edge"})
    marks = {
        "client-certificate:stack-id": event["StackId"],
        "client-certificate:logical-id": event["LogicalResourceId"],
        "client-certificate:request-id": event["RequestId"],
    }
    service.world.api_gateway.store.tag(made.id, marks)
    cost, _ = service.answer(contender, "Delete", PhysicalResourceId=made.id)
    assert made.id not in service.world.api_gateway.ids, contender.name
    return cost.wall
