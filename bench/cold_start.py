"""Row 1: from the start of the interpreter to the first byte of a call to API Gateway."""

import socket
import time
from functools import partial

from bench import contenders
from bench.contenders import Contender, Service
from bench.measure import Cost, Figure, alternate, compare_costs, end

TITLE = "Cold start: from the process's start to the first byte of a call to API Gateway"
ROUNDS = 20


def run(rounds: int) -> list[Figure]:
    """The cost of each handler up to there, the client built while it is imported."""
    competing = [
        contenders.ours(),
        contenders.floor(),
        contenders.plain_crhelper(),
        contenders.aws_custom_resource(),
    ]
    with contenders.service() as service:
        costs = alternate(
            {it.name: partial(_until_first_byte, service, it) for it in competing}, rounds
        )
    goals = {("ours", "wall"): 1.05, ("ours", "processor"): 1.05}
    return compare_costs(costs, "floor", goals)


def _until_first_byte(service: Service, contender: Contender) -> Cost:
    """A Create in a new process, which is ended when its first call begins to arrive."""
    with socket.create_server(("127.0.0.1", 0)) as api:
        url = f"http://127.0.0.1:{api.getsockname()[1]}"
        event = service.event(contender, "Create")
        started = time.monotonic()
        process = contender.start({**service.environment, "AWS_ENDPOINT_URL": url}, event)
        connection, _ = api.accept()
        with connection:
            connection.recv(1)
            return end(process, started)
