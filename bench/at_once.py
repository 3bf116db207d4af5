"""Row 7: a quota's worth of Creates at once, against 10 requests a second."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from statistics import median

from bench import contenders
from bench.contenders import Service
from bench.measure import Figure, alternate, figure, ratios
from handler_testing.packaged_function import PackagedFunction
from local_aws.throttling import BURST, REQUESTS_PER_SECOND, TokenBucket

TITLE = "60 Creates at once: as many processes, warm, against the limit of an account"
ROUNDS = 3
COUNT = 60
CALLS = 2


def run(rounds: int) -> list[Figure]:
    """Seconds until the last answer, with the limiter and without."""
    floor = (COUNT * CALLS - BURST) / REQUESTS_PER_SECOND
    with contenders.service() as service, _functions(service) as functions:
        walls = alternate(
            {
                "with": partial(_create, service, functions, True),
                "without": partial(_create, service, functions, False),
            },
            rounds,
        )
    larger = [max(floor, wall) for wall in walls["without"]]
    return [
        figure(
            "with the limiter",
            "wall",
            ratios(walls["with"], larger),
            "times the larger of the two",
            at_most=1.3,
        ),
        figure("with the limiter", "wall", walls["with"], "s"),
        Figure("the limit's own floor: (calls - burst) ÷ rate", "wall", floor, "s"),
        Figure("without the limiter", "wall", median(walls["without"]), "s"),
    ]


@contextmanager
def _functions(service: Service) -> Iterator[list[PackagedFunction]]:
    """Warm processes: in Lambda, each would start on a processor of its own."""
    asset = contenders.asset("ours", "lambda_handler")
    functions = [PackagedFunction(asset, service.environment) for _ in range(COUNT)]
    try:
        for function in functions:
            function.invoke({"ResponseURL": service.world.cloudformation.url()})
        yield functions
    finally:
        for function in functions:
            function.close()


def _create(service: Service, functions: list[PackagedFunction], throttled: bool) -> float:
    world = service.world
    events = [
        world.event("Create", LogicalResourceId=f"Certificate{number}") for number in range(COUNT)
    ]
    world.cloudformation.responses.clear()
    world.api_gateway.store.certificates.clear()
    world.api_gateway.store.throttled = throttled
    world.api_gateway.store._bucket = TokenBucket()
    started = time.monotonic()
    for function, event in zip(functions, events, strict=True):
        function.start(event)
    for function in functions:
        function.wait()
    wall = time.monotonic() - started
    statuses = [answer["Status"] for answer in world.cloudformation.responses]
    assert statuses == ["SUCCESS"] * COUNT, statuses
    assert len(world.api_gateway.ids) == COUNT
    return wall
