"""The environment of a test: one AWS account with one stack, and the functions that run in it."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pytest

from handler_testing.fake_api_gateway import FakeApiGateway
from handler_testing.fake_cloudformation import FakeCloudFormation
from handler_testing.packaged_function import InvocationResult, PackagedFunction
from local_aws.settings import aws_variables

STACK_ID = "arn:aws:cloudformation:us-east-1:123456789012:stack/Stack/51af3dc0-0000"


def replace_aws_variables(patch: pytest.MonkeyPatch, variables: Mapping[str, str]) -> None:
    """Replace the AWS variables of this process with those of a function."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        patch.delenv(name)
    for name, value in variables.items():
        patch.setenv(name, value)


class LambdaFunction(Protocol):
    """A function that tests can invoke, in this process or in a separate one."""

    @property
    def logs(self) -> list[str]:
        """The log lines of all invocations."""
        ...

    @property
    def outcomes(self) -> list[str]:
        """The outcomes of all invocations."""
        ...

    def invoke(self, event: Any, seconds: float = 300.0) -> InvocationResult:
        """Deliver one event."""
        ...

    def close(self) -> None:
        """Release the function's resources."""
        ...


@dataclass
class Environment:
    """One account with one stack: the two services, the packaged handler and the stack's events."""

    api_gateway: FakeApiGateway
    cloudformation: FakeCloudFormation
    asset: Path
    stack_id: str = STACK_ID
    region: str = "us-east-1"
    functions: list[LambdaFunction] = field(default_factory=list)
    _requests: int = 0

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables of a function, which point it at the fakes."""
        return {
            **aws_variables(self.region, "test", "test"),
            "AWS_ENDPOINT_URL": self.api_gateway.url,
            "SSL_CERT_FILE": str(self.cloudformation.authority),
        }

    def function(self) -> PackagedFunction:
        """Start the packaged handler in a new process."""
        function = PackagedFunction(self.asset, {"PATH": os.defpath, **self.variables})
        self.functions.append(function)
        return function

    def event(self, request_type: str, **overrides: Any) -> dict[str, Any]:
        """Return an event as CloudFormation sends it, with a new RequestId."""
        self._requests += 1
        event = {
            "RequestType": request_type,
            "ResponseURL": self.cloudformation.url(f"response-{self._requests}"),
            "StackId": self.stack_id,
            "RequestId": f"7d3e9c1a-0000-4000-8000-{self._requests:012d}",
            "ResourceType": "Custom::ApiGatewayClientCertificate",
            "LogicalResourceId": "Certificate4E7ABB08",
            "ServiceToken": "arn:aws:lambda:us-east-1:123456789012:function:Stack-Function",
            "ResourceProperties": {
                "ServiceToken": "arn:aws:lambda:us-east-1:123456789012:function:Stack-Function",
                "ServiceTimeout": "1200",
                "Description": "backend",
                "Tags": [{"Key": "team", "Value": "edge"}],
            },
        }
        return {**event, **overrides}

    def output(self) -> str:
        """Return all output of the handler: its logs, its outcomes and the bodies it sent."""
        lines = [
            line for function in self.functions for line in (*function.logs, *function.outcomes)
        ]
        return "\n".join((*lines, *(body.decode() for body in self.cloudformation.attempts)))

    def close(self) -> None:
        """Close all functions."""
        for function in self.functions:
            function.close()


@contextmanager
def create_environment(folder: Path, asset: Path) -> Iterator[Environment]:
    """Create an environment and close it at the end of the context."""
    with FakeApiGateway() as api_gateway, FakeCloudFormation(folder) as cloudformation:
        environment = Environment(api_gateway, cloudformation, asset)
        try:
            yield environment
        finally:
            environment.close()
