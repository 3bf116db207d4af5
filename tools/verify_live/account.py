"""The caller's AWS account, and the list of what was created in it, so that all of it is removed.

A removal is noted before the call that creates, under a name that no other resource has. Where the
response never came, because of an interrupt or a lost connection, the removal looks the resource up
by that name. The removals are a list rather than an `ExitStack`: each leaves the list only when it
is done, so `remove_all` can be interrupted anywhere and called again.
"""

import os
import secrets
import shlex
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import boto3
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tools.aws_account import Problem, caller_identity

SERVICES: Final = ("apigateway", "apigatewayv2", "cloudformation", "iam", "s3", "ssm", "sts")
RETRY_PAUSES: Final = (0, 1, 2, 4, 8, 15, 30, 30)
"""Seconds before each attempt to delete: DeleteRestApi has a quota of one call in 30 seconds."""
SEARCH_PAUSES: Final = (0, 1, 2, 4)
"""Seconds before each search for a resource whose response was lost; lists may be outdated."""


@dataclass(frozen=True)
class Call:
    """A boto3 call that can also be shown as a command of the AWS CLI."""

    service: str
    operation: str
    arguments: Mapping[str, str]

    def command(self, region: str) -> str:
        """Return the command, ready for a shell."""
        words = ["aws", {"s3": "s3api"}.get(self.service, self.service)]
        words.append(self.operation.replace("_", "-"))
        for name, value in self.arguments.items():
            words += [f"--{xform_name(name, '-')}", shlex.quote(value)]
        return " ".join([*words, "--region", region])


@dataclass(eq=False)
class Removal:
    """How to remove one resource.

    `ids` is None until the response has named the resource; `find` then returns the IDs of what
    has its unique `name`, and `search` is the call that a person would look with. `wait` returns
    when the resource is gone, or raises.
    """

    delete: Callable[[str], Call]
    find: Callable[[], list[str]]
    search: Call
    name: str = ""
    ids: list[str] | None = None
    wait: Callable[[], object] = lambda: None

    @classmethod
    def of_named(cls, delete: Call, wait: Callable[[], object] = lambda: None) -> "Removal":
        """Return the removal of something whose name the caller chooses."""
        return cls(lambda _id: delete, lambda: [""], delete, ids=[""], wait=wait)


class Account:
    """An account and a Region, with the caller's credentials.

    Attributes:
        clients: The boto3 clients by service.
        once: A client of API Gateway that sends each call once.
        name: The unique name of this run; the name of everything that it creates starts with it.
        endpoint: The custom endpoint of all clients, or None for AWS itself.
        leftovers: One command for each resource that could not be removed.

    Raises:
        Problem: There are no usable credentials, no Region, or several endpoints.
    """

    def __init__(self) -> None:
        # The AWS CLI prefers AWS_REGION, which boto3 does not read.
        self.session: Any = boto3.Session(region_name=os.environ.get("AWS_REGION") or None)
        identity = caller_identity(self.session)
        if not self.session.region_name:
            raise Problem("no Region is set: set AWS_REGION, or choose a profile that has one")
        self.region: str = self.session.region_name
        self.id: str = identity["Account"]
        self.partition: str = identity["Arn"].split(":")[1]
        config = Config(connect_timeout=10, read_timeout=60, retries={"total_max_attempts": 8})
        client: Any = self.session.client
        self.clients: dict[str, Any] = {name: client(name, config=config) for name in SERVICES}
        single = Config(connect_timeout=10, retries={"total_max_attempts": 1})
        self.once: Any = client("apigateway", config=single)
        self.endpoint = self._custom_endpoint()
        self.name = f"verify-live-{secrets.token_hex(4)}"
        self.leftovers: list[str] = []
        self._removals: list[Removal] = []
        self._names = 0

    @property
    def gateway(self) -> Any:
        """An API Gateway client."""
        return self.clients["apigateway"]

    def _custom_endpoint(self) -> str | None:
        # The stubs of botocore lack this option.
        default = Config(ignore_configured_endpoint_urls=True)  # type: ignore[call-arg]
        custom = {
            name: client.meta.endpoint_url
            for name, client in self.clients.items()
            if client.meta.endpoint_url
            != self.session.client(name, config=default).meta.endpoint_url
        }
        if custom and (len(custom) < len(SERVICES) or len(set(custom.values())) > 1):
            listed = ", ".join(f"{name} to {url}" for name, url in custom.items())
            raise Problem(
                f"the calls would go to different places ({listed}): set AWS_ENDPOINT_URL for all "
                "services, or no AWS_ENDPOINT_URL* at all"
            )
        return next(iter(custom.values()), None)

    def check_api_gateway(self) -> None:
        """Raise `Problem` if the credentials cannot read API Gateway in this Region."""
        try:
            self.once.get_client_certificates(limit=1)
        except (BotoCoreError, ClientError) as error:
            raise Problem(
                f"API Gateway in Region {self.region!r} cannot be used ({message(error)}): choose "
                "a Region that has it, and credentials that may apigateway:GET /clientcertificates"
            ) from error

    def unique_name(self) -> str:
        """Return a unique name."""
        self._names += 1
        return f"{self.name}-{self._names}"

    def create(self, make: Callable[[], Any], removal: Removal, id_member: str = "") -> Any:
        """Create a resource that `remove_all` will remove, whatever happens meanwhile.

        Args:
            make: The call that creates it.
            removal: How to remove it.
            id_member: The member of the response that names it, where AWS chooses the name.
        """
        self._removals.append(removal)
        try:
            response = make()
        except ClientError as error:
            if _single_attempt(error.response) and _status(error) < 500:
                self._removals.remove(removal)  # the call was refused, so nothing was created
            raise
        # A retried POST may have created two resources with this name.
        if id_member and _single_attempt(response):
            removal.ids = [response[id_member]]
        return response

    def remove_all(self) -> None:
        """Remove everything, the newest first, and list in `leftovers` what remains."""
        while self._removals:
            removal = self._removals[-1]
            for command in self._remove(removal):
                if command not in self.leftovers:
                    self.leftovers.append(command)
            self._removals.remove(removal)

    def _remove(self, removal: Removal) -> Iterator[str]:
        """Remove one resource, and yield the commands that the user has to run."""
        try:
            ids = self._find(removal) if removal.ids is None else removal.ids
        except Exception as error:  # botocore raises various types for unreadable responses
            command = removal.search.command(self.region)
            yield f"{command}  # delete {removal.name}, if it is there: {message(error)}"
            return
        for id in ids:
            call = removal.delete(id)
            problem = self._delete(call, removal.wait)
            if problem:
                yield f"{call.command(self.region)}  # {problem}"

    def _find(self, removal: Removal) -> list[str]:
        for pause in SEARCH_PAUSES:
            time.sleep(pause)
            if ids := removal.find():
                return ids
        return []

    def _delete(self, call: Call, wait: Callable[[], object]) -> str:
        """Delete with retries, and return the problem, or nothing once the resource is gone."""
        problem = ""
        for pause in RETRY_PAUSES:
            time.sleep(pause)
            try:
                getattr(self.clients[call.service], call.operation)(**call.arguments)
                wait()
                return ""
            except Exception as error:
                problem = message(error)
                if _status(error) == 404:
                    return ""
                if denied(error):
                    break
        return problem


def message(error: Exception) -> str:
    """Return an error in one line."""
    text = " ".join(str(error).split())
    return text if isinstance(error, ClientError | BotoCoreError | Problem) else repr(error)


def pauses(seconds: float, longest: float = 5.0) -> Iterator[float]:
    """Yield the seconds since the start until they exceed `seconds`, sleeping longer each time."""
    start, pause = time.monotonic(), 0.1
    while (elapsed := time.monotonic() - start) <= seconds:
        yield elapsed
        time.sleep(pause)
        pause = min(longest, pause * 2)


def denied(error: Exception) -> bool:
    """Return whether IAM refused a call."""
    return _status(error) in (401, 403)


def _status(error: Exception) -> int:
    response = error.response if isinstance(error, ClientError) else {}
    return int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _single_attempt(response: Mapping[str, Any]) -> bool:
    return not response.get("ResponseMetadata", {}).get("RetryAttempts", 0)
