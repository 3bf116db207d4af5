"""Row 9: Create's look-up in an account with ten thousand certificates."""

from functools import partial

from bench import contenders
from bench.contenders import Contender, Service
from bench.measure import Cost, Figure, alternate, figure, ratios

TITLE = "Create's look-up where a raised quota allows many certificates"
ROUNDS = 5
COUNTS = (0, 2_500, 10_000)


def run(rounds: int) -> list[Figure]:
    """Calls, time and memory of a cold Create, by the certificates that exist already."""
    figures = []
    with contenders.service() as service:
        service.world.api_gateway.store.quota = 20_000
        ours = contenders.ours()
        costs = alternate(
            {str(count): partial(_create, service, ours, count) for count in COUNTS},
            rounds,
        )
        for count in COUNTS:
            subject = f"{count:,} certificates"
            _fill(service, count)
            service.world.api_gateway.calls.clear()
            service.answer(ours, "Create")
            pages = service.world.api_gateway.count("GET", "/clientcertificates")
            taken = costs[str(count)]
            figures += [
                Figure(subject, "pages of the look-up", pages),
                figure(subject, "wall", [it.wall for it in taken], "s"),
                figure(subject, "peak memory", [it.memory for it in taken], "MB"),
            ]
    some, most = ([it.memory for it in costs[str(count)]] for count in COUNTS[1:])
    flat = figure(
        "10,000 certificates",
        "peak memory",
        ratios(most, some),
        "times that with 2,500",
        at_most=1.05,
    )
    return [*figures, flat]


def _create(service: Service, contender: Contender, count: int) -> Cost:
    _fill(service, count)
    cost, _ = service.answer(contender, "Create")
    return cost


def _fill(service: Service, count: int) -> None:
    api = service.world.api_gateway.store
    api.certificates.clear()
    for number in range(count):
        api.generate("somebody's", {"client-certificate:request-id": str(number)})
