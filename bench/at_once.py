"""Row 7: a quota's worth of Creates at once, against 10 requests a second."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

from bench import contenders
from bench.measure import Figure, alternate, figure, ratios
from local_aws.client_certificates import BURST, REQUESTS_PER_SECOND, TokenBucket
from tests.fault.fakes import Function

TITLE = "60 Creates at once: as many processes, warm, against the limit of an account"
ROUNDS = 3
COUNT = 60
CALLS = 2


def run(rounds: int) -> list[Figure]:
    """Seconds until the last answer, with the limiter and without."""
    floor = (COUNT * CALLS - BURST) / REQUESTS_PER_SECOND
    asset = contenders.asset("ours", "lambda_handler")
    walls = alternate(
        {"with": lambda: _create(asset, True), "without": lambda: _create(asset, False)}, rounds
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


def _create(asset: Path, throttled: bool) -> float:
    with contenders.service() as service:
        world = service.world
        # Imported before the clock starts, as in Lambda, where each has a processor of its own.
        functions = [Function(asset, world.environment) for _ in range(COUNT)]
        world.functions += functions
        events = [
            world.event("Create", LogicalResourceId=f"Certificate{number}")
            for number in range(COUNT)
        ]
        for function in functions:
            function.invoke({"ResponseURL": world.cloudformation.url()})  # FAILED: only imports
        world.cloudformation.answers.clear()
        world.api.api.throttled = throttled
        world.api.api._bucket = TokenBucket()
        started = time.monotonic()
        with ThreadPoolExecutor(COUNT) as threads:
            for function, event in zip(functions, events, strict=True):
                threads.submit(function.start, event)
            list(threads.map(lambda function: function.wait(), functions))
        wall = time.monotonic() - started
        statuses = [answer["Status"] for answer in world.cloudformation.answers]
        assert statuses == ["SUCCESS"] * COUNT, statuses
        assert len(world.api.ids) == COUNT
        return wall
