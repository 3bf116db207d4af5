"""Send 10,000 events, most of them malformed, and check responses, calls and log lines.

A seeded generator instead of hypothesis takes seconds and sends the same events on each machine.
"""

import json
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import SplitResult, unquote

import pytest

from handler_testing.environment import STACK_ID
from local_aws.responses import Response
from tests.fault.simulation import (
    SIGNATURE_VALUE,
    Call,
    SimulatedApiGateway,
    SimulatedClock,
    SimulatedFunction,
    response_url,
    response_violations,
    simulated_function,
)

EVENTS = 10_000
SEED = 20_240_501
FUNCTION_SECONDS = 300.0

ADOPT = "AdoptClientCertificateId"
LOOKUP = "Custom::ApiGatewayClientCertificateLookup"
ID = re.compile(r"[A-Za-z0-9-]+")
ARN = re.compile(r"arn:aws:apigateway:us-east-1::/clientcertificates/[A-Za-z0-9-]+")
TEXT = re.compile(r"[\w +\-=.:/@]*")

STRINGS = (
    "",
    " ",
    ".",
    "..",
    "../restapis/a1",
    "a/b",
    "%2e%2e",
    "?limit=1",
    "#",
    "null",
    "true",
    "0",
    "-",
    "a" * 129,
    "b" * 257,
    "c" * 1_025,
    "d" * 20_000,
    "größer",
    "\x00",
    "\r\nX-Injected: 1",
    "\ud800",
    "💥" * 300,
    "aws:cloudformation:stack-id",
    "AWS:x",
    "client-certificate:request-id",
    "request:",
    "request:7d3e9c1a",
    "2024/05/01/[$LATEST]0123456789abcdef",
    "Stack-Certificate-1N7EN7ED",
    "arn:aws:apigateway:us-east-1::/clientcertificates/abc123",
    '"quoted"',
    "<script>",
    "{{resolve:ssm:/x}}",
)
OTHERS: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1e300,
    [],
    {},
    [[]],
    [None],
    [{}],
    {"Key": "a"},
    {"a": {"b": {"c": []}}},
)


class Generator:
    """Generates valid events, events with one to four mutations, and values that are no events."""

    def __init__(self, seed: int, clock: SimulatedClock, known_id: Callable[[], str]) -> None:
        self._random = random.Random(seed)
        self._clock, self._known_id = clock, known_id
        self._number = 0

    def event(self) -> Any:
        chance = self._random.random()
        if chance < 0.05:
            return self.junk()
        event = self.valid()
        if chance > 0.25:
            for _ in range(self._random.randint(1, 4)):
                self.mutate(event)
        return event

    def junk(self) -> Any:
        return self._random.choice([*STRINGS, *OTHERS, {"ResponseURL": self.url()}])

    def url(self) -> str:
        age = self._random.choice([7200.0] * 9 + [-1.0])
        return response_url(self._clock, f"response-{self._number}", age)

    def valid(self) -> dict[str, Any]:
        self._number += 1
        choice = self._random.choice
        kind = choice(["Create", "Update", "Delete"])
        looks_up = self._random.random() < 0.1
        event: dict[str, Any] = {
            "RequestType": kind,
            "ResponseURL": self.url(),
            "StackId": STACK_ID,
            "RequestId": f"7d3e9c1a-0000-4000-8000-{self._number:012d}",
            "ResourceType": LOOKUP if looks_up else "Custom::ApiGatewayClientCertificate",
            "LogicalResourceId": "Certificate4E7ABB08",
            "ResourceProperties": self.properties(looks_up),
        }
        if kind != "Create":
            event["PhysicalResourceId"] = self._known_id()
        if kind == "Update":
            event["OldResourceProperties"] = self.properties(looks_up)
        return event

    def properties(self, looks_up: bool) -> dict[str, Any]:
        properties: dict[str, Any] = {"ServiceToken": "arn:aws:lambda:x", "ServiceTimeout": "1200"}
        if looks_up:
            return {**properties, "ClientCertificateId": self._known_id()}
        if self._random.random() < 0.7:
            properties["Description"] = self._random.choice(["", "backend", "größer", "e" * 1000])
        if self._random.random() < 0.7:
            count = self._random.choice([0, 1, 2, 47])
            properties["Tags"] = [{"Key": f"key{n}", "Value": f"value {n}"} for n in range(count)]
        if self._random.random() < 0.1:
            properties["AdoptClientCertificateId"] = self._known_id()
        return properties

    def mutate(self, event: dict[str, Any]) -> None:
        """Replace, drop or add one value anywhere in the event."""
        places = list(_places(event))
        container, key = self._random.choice(places)
        match self._random.randrange(6):
            case 0:
                del container[key]
            case 1:
                container[key] = self._random.choice(OTHERS)
            case 2 if isinstance(container, dict):
                container[self._random.choice(STRINGS)] = self.value()
            case 3 if isinstance(container[key], str):
                text = container[key]
                at = self._random.randint(0, len(text))
                container[key] = text[:at] + self._random.choice(STRINGS) + text[at:]
            case 4 if isinstance(container[key], list):
                container[key] = [*container[key], self.value()] * self._random.randint(1, 60)
            case _:
                container[key] = self._random.choice(STRINGS)

    def value(self) -> Any:
        return self._random.choice([*STRINGS, *OTHERS, {"Key": "k", "Value": "v"}])


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each value in nested containers, as its container and its key or index."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in list(items):
        yield value, key
        if isinstance(inner, dict | list):
            yield from _places(inner)


def call_violation(call: Call, adopts: object) -> str | None:
    """Return why the handler must not send this request to API Gateway, or None if it may.

    Args:
        call: The request.
        adopts: ID of the certificate that the event's template adopts, if any.
    """
    body = json.loads(call.body) if call.body else {}
    collection, _, name = call.path.removeprefix("/").partition("/")
    match call.method, collection, bool(name):
        case ("GET", "clientcertificates" | "restapis", False):
            return None
        case "POST", "clientcertificates", False:
            description = body.get("description", "")
            if not isinstance(description, str):
                return f"description {description!r}"
            return tags_violation(body["tags"], 50)
        case ("GET" | "DELETE", "clientcertificates", True):
            return None if ID.fullmatch(name) else "no ID"
        case "PATCH", "clientcertificates", True:
            ((change),) = body["patchOperations"]
            valid = change["op"] == "replace" and change["path"] == "/description"
            return None if valid and isinstance(change["value"], str) else f"patch {change!r}"
        case ("GET" | "PUT" | "DELETE", "tags", True):
            if not ARN.fullmatch(unquote(name)):
                return "no ARN"
            if call.method == "DELETE":
                own = {k for k in call.query["tagKeys"] if k.startswith("client-certificate:")}
                adopted = unquote(name).rpartition("/")[2] == adopts
                if own - ({"client-certificate:request-id"} if adopted else set()):
                    return "removes ownership tags"
            return tags_violation(body["tags"], 50) if call.method == "PUT" else None
    return "the handler never makes this call"


def tags_violation(tags: Any, most: int) -> str | None:
    """Return which of AWS's tag rules is violated, or None; independent of the handler's code."""
    if not isinstance(tags, dict) or len(tags) > most:
        return f"tags {tags!r}"
    for key, value in tags.items():
        valid = (
            isinstance(value, str)
            and 1 <= len(key) <= 128
            and len(value) <= 256
            and not key.lower().startswith("aws:")
            and TEXT.fullmatch(key)
            and TEXT.fullmatch(value)
        )
        if not valid:
            return f"tag {key!r}: {value!r}"
    return None


@pytest.fixture(scope="module")
def function() -> Iterator[SimulatedFunction]:
    with simulated_function() as function:
        yield function


def test_malformed_events_get_one_response_and_make_valid_calls(
    function: SimulatedFunction,
) -> None:
    wrong: list[str] = []
    calls: list[Call] = []
    bodies: list[bytes] = []
    api = SimulatedApiGateway(function.clock)
    api.quota = EVENTS

    def call_api(call: Call) -> Response:
        calls.append(call)
        if violation := call_violation(call, event["ResourceProperties"].get(ADOPT)):
            wrong.append(f"{call.method} {call.path[:200]}: {violation}")
        return api.respond(call)

    def put_response(_url: SplitResult, body: bytes) -> int:
        bodies.append(body)
        return 200

    function.connect(call_api, put_response)
    pick = random.Random(SEED)

    def known_id() -> str:
        live = list(api.certificates)
        return pick.choice(live) if live and pick.random() < 0.8 else "gone42"

    generator = Generator(SEED, function.clock, known_id)
    ended: Counter[str] = Counter()
    for number in range(EVENTS):
        event = generator.event()
        shown = json.dumps(event, default=str)[:300]
        bodies.clear()
        calls.clear()
        function.logs.clear()
        began = function.clock.now
        try:
            function(event, FUNCTION_SECONDS)
        except function.UnanswerableError as error:
            outcome = "unanswerable"
            if bodies or calls:
                wrong.append(f"{number}: unanswerable, and still {calls} {bodies}: {shown}")
            if SIGNATURE_VALUE in str(error) or error.__cause__:
                wrong.append(f"{number}: the error contains the signed URL")
        except Exception as error:
            outcome = "raised"
            wrong.append(f"{number}: raised {error!r}: {shown}")
        else:
            outcome = json.loads(bodies[0])["Status"] if bodies else "unanswered"
            if len(bodies) != 1:
                wrong.append(f"{number}: {len(bodies)} responses: {shown}")
            for body in bodies[:1]:
                wrong += [f"{number}: {it}: {shown}" for it in response_violations(event, body)]
        ended[outcome] += 1
        if function.clock.now - began >= FUNCTION_SECONDS:
            wrong.append(f"{number}: took the whole time: {shown}")
        if function.leaking_log_lines():
            wrong.append(f"{number}: a log line contains the signed URL: {shown}")
        if len(api.certificates) > 6:  # long lists take most of the time otherwise
            for id in list(api.certificates)[:3]:
                del api.certificates[id]
    assert not wrong, "\n".join([f"{len(wrong)} violations", *(it[:300] for it in wrong[:20])])
    # The test proves nothing unless the generator reaches every kind of outcome.
    assert ended["SUCCESS"] > 1500, ended
    assert ended["FAILED"] > 1500, ended
    assert ended["unanswerable"] > 300, ended
