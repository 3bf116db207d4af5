"""Row 2: a whole Create in new processes, from the event to the delivered answer."""

from functools import partial

from bench import contenders
from bench.contenders import Contender, FakeLambda, Service
from bench.measure import Cost, Figure, alternate, compare_costs

TITLE = "A whole cold Create: from the process's start to the delivered answer"
ROUNDS = 20


def run(rounds: int) -> list[Figure]:
    """The cost of each handler until CloudFormation has its answer; all against the same fakes."""
    with contenders.service() as service:
        fake_lambda = FakeLambda(service.environment)
        competing = [
            contenders.ours(),
            contenders.plain_crhelper(),
            contenders.provider(fake_lambda.url),
            contenders.aws_custom_resource(),
        ]
        costs = alternate(
            {it.name: partial(_create, service, it, fake_lambda) for it in competing}, rounds
        )
        fake_lambda.close()
    figures = compare_costs(costs, "ours", {})
    return figures


def _create(service: Service, contender: Contender, fake_lambda: FakeLambda) -> Cost:
    fake_lambda.costs.clear()
    service.world.api_gateway.store.certificates.clear()
    cost, _ = service.answer(contender, "Create")
    # The Provider's function is a process of its own, that runs while the framework waits.
    return Cost(
        cost.wall,
        cost.cpu + sum(it.cpu for it in fake_lambda.costs),
        cost.memory + sum(it.memory for it in fake_lambda.costs),
        cost.faults + sum(it.faults for it in fake_lambda.costs),
    )
