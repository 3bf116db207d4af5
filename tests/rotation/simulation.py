"""The rotation's function in this process, with simulated services, backends and time.

Everything above HTTP is real: `main.handler`, crhelper, and botocore's serialization and parsing.
Simulated time passes at once, so years of rotation take a second.
"""

import functools
import importlib
import io
import itertools
import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.httpsession import URLLib3Session
from urllib3 import HTTPHeaderDict

from handler_testing.api_errors import error
from handler_testing.environment import replace_aws_variables
from local_aws.responses import Response, json_response
from local_aws.settings import aws_variables
from tests.fault.simulation import (
    ProcessKilled,
    SimulatedApiGateway,
    SimulatedClock,
    SimulatedLambdaContext,
    _datetime_of,
    _RawBody,
    _SynchronousThread,
    response_url,
    response_violations,
    skip_ignored_parts,
)

STACK_ID = "arn:aws:cloudformation:us-east-1:123456789012:stack/Orders/1b2c3d4e-0000-4000-8000-1"
LOGICAL_ID = "BackendAuth4E7ABB08"
PARAMETER = "/orders/trusted-clients"
PROD, BETA, LIVE = "/restapis/r1/stages/prod", "/restapis/r1/stages/beta", "/apis/w1/stages/live"
CHECK = "/restapis/r1/resources/h1/methods/GET"


def json_error(code: str, message: str = "scripted", status: int = 400) -> Response:
    """Return an error in the format of Systems Manager and EventBridge."""
    return json_response(status, {"__type": code, "message": message})


@dataclass
class SimulatedStage:
    """A stage, with the ID of the certificate that it presents."""

    certificate: str | None = None
    variables: dict[str, str] = field(default_factory=dict)


@dataclass
class Parameter:
    """An SSM parameter."""

    value: str
    version: int
    tags: dict[str, str]


@dataclass(frozen=True)
class Call:
    """One request to AWS. `name` is `GET /path`, `ssm:Operation` or `events:Operation`."""

    name: str
    query: Mapping[str, list[str]]
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.body or b"{}")
        return document


class SimulatedAws:
    """One account: certificates, stages, parameters and events.

    Attributes:
        accepts: Whether the backend accepts a call with these stage variables and this
            certificate ID (empty without a certificate).
        before: Called before each request takes effect. It may raise, or return a response that
            takes the request's place.
        after: Called after each request took effect. It may raise or replace the response.
    """

    def __init__(self, clock: SimulatedClock, *, tags_in_list: bool = True) -> None:
        self.certificates = SimulatedApiGateway(clock, tags_in_list=tags_in_list)
        self.certificates.stages_using = self._stages_using
        self.stages: dict[str, SimulatedStage] = {}
        self.parameters: dict[str, Parameter] = {}
        self.events: list[dict[str, Any]] = []
        self.calls: list[str] = []
        self.accepts: Callable[[Mapping[str, str], str], bool] = lambda _variables, _id: True
        self.before: Callable[[Call], Response | None] = lambda _call: None
        self.after: Callable[[Call], Response | None] = lambda _call: None

    def respond(self, call: Call) -> Response:
        """Carry out one request."""
        self.calls.append(call.name)
        if replaced := self.before(call):
            return replaced
        response = self._route(call)
        return self.after(call) or response

    def _route(self, call: Call) -> Response:
        service, _, operation = call.name.partition(":")
        if service == "ssm":
            response: Response = getattr(self, f"_{operation}")(call.document)
            return response
        if call.name == "events:PutEvents":
            self.events += call.document["Entries"]
            return json_response(200, {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]})
        method, _, path = call.name.partition(" ")
        if self.certificates.handles(path):
            return self.certificates.handle(method, path, call.query, call.body)
        path = unquote(path)
        rest = not path.startswith("/v2")
        path = path.removeprefix("/v2")
        if path in ("/restapis", "/apis"):
            return self._apis(path, rest)
        if match := re.fullmatch(r"(/(?:rest)?apis/\w+)/stages", path):
            return self._list_stages(match[1], rest)
        if re.fullmatch(r"/restapis/\w+/resources/\w+/methods/\w+", path):
            return self._test_invoke(call)
        if path not in self.stages:
            return error(404, "NotFoundException", f"no such stage: {path}")
        if method == "PATCH":
            return self._update_stage(path, call.document, rest)
        return json_response(200, self._stage_document(path, rest))

    def _stage_document(self, path: str, rest: bool) -> dict[str, Any]:
        stage, name = self.stages[path], path.rpartition("/")[2]
        names = ("stageName", "clientCertificateId", "variables" if rest else "stageVariables")
        document: dict[str, Any] = {names[0]: name, names[2]: stage.variables}
        return document | ({names[1]: stage.certificate} if stage.certificate else {})

    def _apis(self, path: str, rest: bool) -> Response:
        ids = {it.split("/")[2] for it in self.stages if it.startswith(f"{path}/")}
        if rest:
            return json_response(200, {"item": [{"id": id} for id in sorted(ids)]})
        items = [{"apiId": id, "protocolType": "WEBSOCKET"} for id in sorted(ids)]
        return json_response(200, {"items": items})

    def _list_stages(self, api: str, rest: bool) -> Response:
        found = [it for it in self.stages if it.startswith(f"{api}/")]
        documents = [self._stage_document(it, rest) for it in found]
        return json_response(200, {"item" if rest else "items": documents})

    def _update_stage(self, path: str, document: dict[str, Any], rest: bool) -> Response:
        if rest:
            (operation,) = document["patchOperations"]
            assert (operation["op"], operation["path"]) == ("replace", "/clientCertificateId")
            id = operation["value"]
        else:
            id = document["clientCertificateId"]
        if id and id not in self.certificates.certificates:
            return error(404, "NotFoundException", f"no such client certificate: {id}")
        self.stages[path].certificate = id or None
        return json_response(200, self._stage_document(path, rest))

    def _test_invoke(self, call: Call) -> Response:
        document = call.document
        id = document.get("clientCertificateId", "")
        if id and id not in self.certificates.certificates:
            return error(404, "NotFoundException", f"no such client certificate: {id}")
        accepted = self.accepts(document.get("stageVariables", {}), id)
        status = 200 if accepted else 502
        return json_response(200, {"status": status, "body": "secret body", "log": "secret log"})

    def _GetParameter(self, document: dict[str, Any]) -> Response:
        found = self.parameters.get(document["Name"])
        if found is None:
            return json_error("ParameterNotFound")
        value = {"Name": document["Name"], "Value": found.value, "Version": found.version}
        return json_response(200, {"Parameter": value})

    def _PutParameter(self, document: dict[str, Any]) -> Response:
        name, found = document["Name"], self.parameters.get(document["Name"])
        if len(document["Value"].encode()) > 4096:
            return json_error("ValidationException", "the standard tier takes 4 KB")
        if found is not None and not document.get("Overwrite"):
            return json_error("ParameterAlreadyExists")
        if document.get("Overwrite") and document.get("Tags"):
            return json_error("ValidationException", "tags and overwrite can't be used together")
        tags = {tag["Key"]: tag["Value"] for tag in document.get("Tags", [])}
        version = found.version + 1 if found else 1
        self.parameters[name] = Parameter(document["Value"], version, found.tags if found else tags)
        return json_response(200, {"Version": version, "Tier": "Standard"})

    def _ListTagsForResource(self, document: dict[str, Any]) -> Response:
        found = self.parameters.get(document["ResourceId"])
        if found is None:
            return json_error("InvalidResourceId")
        tags = [{"Key": key, "Value": value} for key, value in found.tags.items()]
        return json_response(200, {"TagList": tags})

    def _AddTagsToResource(self, document: dict[str, Any]) -> Response:
        tags = {tag["Key"]: tag["Value"] for tag in document["Tags"]}
        self.parameters[document["ResourceId"]].tags.update(tags)
        return json_response(200, {})

    def _DeleteParameter(self, document: dict[str, Any]) -> Response:
        if self.parameters.pop(document["Name"], None) is None:
            return json_error("ParameterNotFound")
        return json_response(200, {})

    def _stages_using(self, id: str) -> list[str]:
        return [path for path, stage in self.stages.items() if stage.certificate == id]


@dataclass(frozen=True)
class ReceivedResponse:
    """A response that CloudFormation received."""

    status: str
    reason: str
    physical_id: str
    attributes: dict[str, str]


class Simulation:
    """The function, the account that it runs in, and CloudFormation's side of one resource.

    Attributes:
        properties: The resource's properties, or None if it does not exist.
        logs: All lines that would reach the log group.
    """

    def __init__(self, main: Any, clock: SimulatedClock) -> None:
        self.main, self.clock = main, clock
        self.aws = SimulatedAws(clock)
        self.properties: dict[str, Any] | None = None
        self.physical_id = ""
        self.logs: list[str] = []
        self.responses: list[bytes] = []
        self._requests = itertools.count(1)

    def reset(self, *, tags_in_list: bool) -> None:
        """Start over with an empty account."""
        self.clock.now = SimulatedClock.START
        self.aws = SimulatedAws(self.clock, tags_in_list=tags_in_list)
        self.properties, self.physical_id = None, ""
        self.logs.clear()

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self.clock.now, UTC)

    def advance(self, **duration: float) -> None:
        """Let time pass without a run."""
        self.clock.now += timedelta(**duration).total_seconds()

    def run(self, time: datetime | None = None) -> str:
        """Run as the schedule does. Return "returned", "killed" or the error."""
        return self.run_all({LOGICAL_ID: self.properties or {}}, time)

    def run_all(
        self, resources: Mapping[str, Mapping[str, Any]], time: datetime | None = None
    ) -> str:
        """Run for several resources, given as their properties by logical ID."""
        event = {
            "task": "rotate",
            "time": (time or self.now).isoformat(),
            "resources": [
                {"StackId": STACK_ID, "LogicalId": logical_id, **its}
                for logical_id, its in resources.items()
            ],
        }
        return self._invoke(event)

    def run_every(self, hours: float, *, days: float) -> None:
        """Run at regular intervals. Every run must succeed."""
        for _ in range(int(days * 24 / hours)):
            self.advance(hours=hours)
            assert self.run() == "returned"

    def create(self, properties: Mapping[str, Any]) -> ReceivedResponse:
        """Send a Create, and the Delete that follows if it fails."""
        response = self.request("Create", properties)
        self.physical_id = response.physical_id
        self.properties = dict(properties)
        if response.status == "FAILED":
            assert self.delete().status == "SUCCESS"
        return response

    def update(self, **changes: Any) -> ReceivedResponse:
        """Send an Update, and the Update that rolls it back if it fails."""
        old = self.properties or {}
        new = {key: value for key, value in {**old, **changes}.items() if value is not None}
        response = self.request("Update", new, old)
        if response.status == "FAILED":
            assert self.request("Update", old, new).status == "SUCCESS"
        else:
            self.properties = new
        return response

    def delete(self) -> ReceivedResponse:
        """Send a Delete."""
        response = self.request("Delete", self.properties or {})
        if response.status == "SUCCESS":
            self.properties = None
        return response

    def request(
        self,
        type: str,
        properties: Mapping[str, Any],
        old: Mapping[str, Any] | None = None,
        *,
        logical_id: str = LOGICAL_ID,
    ) -> ReceivedResponse:
        """Send a request, and deliver it again if the invocation was killed."""
        number = next(self._requests)
        event: dict[str, Any] = {
            "RequestType": type,
            "ResponseURL": response_url(self.clock, f"response-{number}"),
            "StackId": STACK_ID,
            "RequestId": f"7d3e9c1a-0000-4000-8000-{number:012d}",
            "ResourceType": "Custom::ApiGatewayRotatingClientCertificate",
            "LogicalResourceId": logical_id,
            "ResourceProperties": {"ServiceToken": "arn:function", **properties},
        }
        if type != "Create":
            event["PhysicalResourceId"] = self.physical_id
        if old is not None:
            event["OldResourceProperties"] = {"ServiceToken": "arn:function", **old}
        self.responses.clear()
        for _ in range(3):
            if self._invoke(event) != "killed":
                break
            self.advance(minutes=1)
        body = self.responses[-1]
        assert not response_violations(event, body)
        response = json.loads(body)
        if type != "Create":
            assert response["PhysicalResourceId"] == self.physical_id
        return ReceivedResponse(
            response["Status"],
            response["Reason"],
            response["PhysicalResourceId"],
            response.get("Data", {}),
        )

    def _invoke(self, event: Mapping[str, Any]) -> str:
        context = SimulatedLambdaContext(self.clock)
        context.aws_request_id = f"invocation-{next(self._requests)}"  # type: ignore[attr-defined]
        try:
            self.main.handler(event, context)
        except ProcessKilled:
            return "killed"
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        return "returned"

    # The state of the account.

    @property
    def generations(self) -> dict[str, dict[str, str]]:
        """The tags of the resource's certificates, by certificate ID."""
        return {
            id: certificate.tags
            for id, certificate in sorted(
                self.aws.certificates.certificates.items(), key=lambda it: it[1].sequence
            )
            if certificate.tags.get("client-certificate:logical-id") == LOGICAL_ID
            and "client-certificate:generation" in certificate.tags
        }

    @property
    def presented(self) -> dict[str, str | None]:
        """The ID of the certificate that each stage presents."""
        return {path: stage.certificate for path, stage in self.aws.stages.items()}

    @property
    def bundle(self) -> list[str]:
        """The IDs of the certificates in the bundle, in the same order."""
        value = self.aws.parameters[PARAMETER].value if PARAMETER in self.aws.parameters else ""
        by_pem = {
            it.pem.replace("\r\n", "\n"): id
            for id, it in self.aws.certificates.certificates.items()
        }
        pems = re.findall("-----BEGIN.*?END CERTIFICATE-----", value, re.DOTALL)
        return [by_pem.get(pem, "unknown") for pem in pems]

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """The metric lines that were printed."""
        return [json.loads(line) for line in self.logs if '"_aws"' in line]

    @property
    def event_types(self) -> list[str]:
        """The detail types of the events, in order."""
        return [event["DetailType"] for event in self.aws.events]


def properties(**changes: Any) -> dict[str, Any]:
    """Return the properties of a resource with one stage, in CloudFormation's format."""
    return {
        "Stages": [PROD],
        "TrustParameterName": PARAMETER,
        "RotateBeforeExpirySeconds": str(60 * 86400),
        "OverlapSeconds": str(14 * 86400),
        "StageSettings": "hash",
        **changes,
    }


@contextmanager
def simulated() -> Iterator[Simulation]:
    """Patch the handler for the duration of the context."""
    with pytest.MonkeyPatch.context() as patch:
        replace_aws_variables(patch, aws_variables("us-east-1", "test", "test"))
        patch.setattr(boto3, "DEFAULT_SESSION", None)
        main, custom_resource, calls, deadline, certificate, log, metrics, *rest = (
            importlib.import_module(f"lambda_handler.{name}")
            for name in (
                "main", "custom_resource", "calls", "deadline", "certificate", "log", "metrics",
                "rotation.resource", "rotation.task",
            )
        )  # fmt: skip
        clock = SimulatedClock()
        simulation = Simulation(main, clock)
        patch.setattr(main, "IMPORT_ERROR", None)
        patch.setattr(main, "custom_resource", custom_resource, raising=False)
        clients = functools.cache(functools.partial(calls.make_client.__wrapped__, call_seconds=20))
        patch.setattr(calls, "make_client", lambda service, _seconds: clients(service))
        for module in (main, calls, deadline, certificate):
            patch.setattr(module, "time", clock)
        for module in (deadline, certificate, *rest):
            patch.setattr(module, "datetime", _datetime_of(clock))

        def put(_url: Any, body: bytes, _timeout: float) -> int:
            simulation.responses.append(body)
            return 200

        def send(_session: URLLib3Session, request: AWSPreparedRequest) -> AWSResponse:
            response = simulation.aws.respond(_call(request))
            headers: Any = HTTPHeaderDict(response.headers)  # what botocore itself passes
            return AWSResponse(request.url, response.status, headers, _RawBody(response.body))

        patch.setattr(main, "_put", put)
        skip_ignored_parts(patch)
        patch.setattr(URLLib3Session, "send", send)
        patch.setattr(custom_resource, "threading", SimpleNamespace(Thread=_SynchronousThread))
        logger = logging.getLogger(log.PACKAGE)
        for name in ("handlers", "level", "propagate"):
            patch.setattr(logger, name, getattr(logger, name))  # restored at the end
        with redirect_stdout(_Lines(simulation)):
            log.configure()
        patch.setattr(metrics, "print", _append_to(simulation), raising=False)
        yield simulation


def _call(request: AWSPreparedRequest) -> Call:
    parts = urlsplit(request.url)
    body = request.body or b""
    assert isinstance(body, bytes | str)
    target = request.headers.get("X-Amz-Target")
    if target:
        text = target.decode() if isinstance(target, bytes) else target
        prefix, _, operation = text.partition(".")
        name = f"{'ssm' if prefix == 'AmazonSSM' else 'events'}:{operation}"
    else:
        name = f"{request.method} {parts.path}"
    return Call(
        name,
        parse_qs(parts.query, keep_blank_values=True),
        body if isinstance(body, bytes) else body.encode(),
    )


def _append_to(simulation: Simulation) -> Callable[..., None]:
    def append(line: str, *, flush: bool) -> None:
        assert flush
        simulation.logs.append(line)

    return append


class _Lines(io.TextIOBase):
    """A stream that appends each line to the logs of a simulation."""

    def __init__(self, simulation: Simulation) -> None:
        super().__init__()
        self._simulation = simulation

    def write(self, text: str) -> int:
        if text.strip():
            self._simulation.logs.append(text.rstrip("\n"))
        return len(text)
