"""Benchmarks of the handlers: a cold start, whole requests, many certificates, and many at once."""

import io
import socket
import time
import zipfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from statistics import median

from bench import handlers
from bench.compare import Cost, Result, alternate, compared_costs, digits, kill, spread
from bench.handlers import AWS_CUSTOM_RESOURCE, BOTO3, CRHELPER, OURS, Handler, Services
from handler_testing.packaged_function import PackagedFunction
from local_aws.client_certificates import ClientCertificates
from local_aws.throttling import BURST, REQUESTS_PER_SECOND

QUOTA = 60
"""Client certificates per account and Region, unless raised."""


def cold_start(rounds: int) -> Result:
    """From the start of the process to the first byte of its first call to API Gateway."""
    contenders = {
        OURS: handlers.ours(),
        BOTO3: handlers.boto3_alone(),
        CRHELPER: handlers.plain_crhelper(),
        AWS_CUSTOM_RESOURCE: handlers.aws_custom_resource(),
    }
    costs = _measure(_first_byte, contenders, rounds)
    return Result(compared_costs(costs), _seconds(costs))


def _first_byte(services: Services, handler: Handler) -> Cost:
    with socket.create_server(("127.0.0.1", 0)) as api:
        url = f"http://127.0.0.1:{api.getsockname()[1]}"
        started = time.monotonic()
        process = services.start(handler, services.event("Create"), AWS_ENDPOINT_URL=url)
        connection, _ = api.accept()
        with connection:
            connection.recv(1)
            return kill(process, started)


def create(rounds: int) -> Result:
    """A whole Create in a new process: until CloudFormation has the response."""
    contenders = {
        OURS: handlers.ours(),
        CRHELPER: handlers.plain_crhelper(),
        AWS_CUSTOM_RESOURCE: handlers.aws_custom_resource(),
    }
    costs = _measure(_create, contenders, rounds)
    return Result(compared_costs(costs), _seconds(costs))


def _create(services: Services, handler: Handler, existing: int = 0) -> Cost:
    store = services.api_gateway.store
    store.certificates.clear()
    for number in range(existing):
        store.generate("another", {"client-certificate:request-id": str(number)})
    cost, _ = services.respond(handler, "Create")
    return cost


def delete(rounds: int) -> Result:
    """A whole Delete in a new process: until CloudFormation has the response."""
    contenders = {OURS: handlers.ours(), AWS_CUSTOM_RESOURCE: handlers.aws_custom_resource()}
    return Result(compared_costs(_measure(_delete, contenders, rounds)))


def _delete(services: Services, handler: Handler) -> Cost:
    _, response = services.respond(handler, "Create")
    id = response["PhysicalResourceId"]
    cost, _ = services.respond(handler, "Delete", PhysicalResourceId=id)
    assert id not in services.api_gateway.ids
    return cost


def _measure(
    measure: Callable[[Services, Handler], Cost], contenders: Mapping[str, Handler], rounds: int
) -> dict[str, list[Cost]]:
    """Measure each handler against the same services, in turns."""
    with handlers.services() as services:
        return alternate(
            {name: partial(measure, services, it) for name, it in contenders.items()}, rounds
        )


def _seconds(costs: dict[str, list[Cost]]) -> dict[str, float]:
    return {name: median(it.wall for it in taken) for name, taken in costs.items()}


def counts(_rounds: int) -> Result:
    """Calls to API Gateway and bytes of the zipped asset, the same on every machine."""
    contenders: dict[str, tuple[Callable[[], Handler], Path]] = {
        OURS: (handlers.ours, handlers.asset("ours", "lambda_handler")),
        CRHELPER: (handlers.plain_crhelper, handlers.crhelper_asset()),
        AWS_CUSTOM_RESOURCE: (
            handlers.aws_custom_resource, handlers.asset("aws_custom_resource", "index.js"),
        ),
    }  # fmt: skip
    columns: dict[str, dict[str, str]] = {"calls, Create": {}, "calls, Delete": {}, "asset": {}}
    with handlers.services() as services:
        calls = services.api_gateway.calls
        for name, (handler, asset) in contenders.items():
            calls.clear()
            _, response = services.respond(handler(), "Create")
            columns["calls, Create"][name] = str(len(calls))
            calls.clear()
            if name != CRHELPER:  # which sleeps for two minutes first
                id = response["PhysicalResourceId"]
                services.respond(handler(), "Delete", PhysicalResourceId=id)
                columns["calls, Delete"][name] = str(len(calls))
            columns["asset"][name] = f"{_zipped(asset):,} bytes"
    return Result(columns)


def _zipped(folder: Path) -> int:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            archive.write(path, path.relative_to(folder))
    return len(file.getvalue())


def many(rounds: int) -> Result:
    """A whole Create in an account whose quota was raised, by the certificates that exist."""
    with handlers.services() as services:
        services.api_gateway.store.quota = 20_000
        ours = handlers.ours()
        contenders = {
            f"{count:,} certificates": partial(_create, services, ours, count)
            for count in (0, 2_500, 10_000)
        }
        costs = alternate(contenders, rounds)
        pages = {}
        for name, contender in contenders.items():
            services.api_gateway.calls.clear()
            contender()
            pages[name] = str(services.api_gateway.count("GET", "/clientcertificates"))
    return Result({"pages of the list": pages, **compared_costs(costs)})


def at_once(rounds: int) -> Result:
    """As many Creates as the quota allows, at once, in warm processes, with and without throttling.

    API Gateway allows 10 requests per second and a burst of 40, so 2 calls each take 8 s at least.
    """
    with handlers.services() as services:
        asset = handlers.asset("ours", "lambda_handler")
        functions = [PackagedFunction(asset, services.variables) for _ in range(QUOTA)]
        try:
            for function in functions:
                function.invoke({"ResponseURL": services.cloudformation.url()})  # starts it
            seconds = alternate(
                {
                    "throttled": partial(_create_all, services, functions, True),
                    "not throttled": partial(_create_all, services, functions, False),
                },
                rounds,
            )
        finally:
            for function in functions:
                function.close()
    least = (2 * QUOTA - BURST) / REQUESTS_PER_SECOND
    taken = {name: f"{spread(values)} s" for name, values in seconds.items()}
    return Result({"time": {**taken, "the least that throttling allows": f"{digits(least)} s"}})


def _create_all(services: Services, functions: list[PackagedFunction], throttled: bool) -> float:
    store = services.api_gateway.store = ClientCertificates(throttled=throttled)
    responses = services.cloudformation.responses
    responses.clear()
    started = time.monotonic()
    for number, function in enumerate(functions):
        function.start(services.event("Create", LogicalResourceId=f"Certificate{number}"))
    for function in functions:
        function.wait()
    seconds = time.monotonic() - started
    assert [response["Status"] for response in responses] == ["SUCCESS"] * len(functions)
    assert len(store.certificates) == len(functions)
    return seconds
