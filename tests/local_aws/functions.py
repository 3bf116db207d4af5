"""A Lambda function with one source file and its own role."""

import io
import json
import zipfile
from types import TracebackType
from typing import Any, Self

from local_aws import LocalAws

__all__ = ["Function", "trusted_by"]


def trusted_by(service: str) -> str:
    """Return the trust policy of a role that a service assumes."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": f"{service}.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


class Function:
    """A context manager that creates a function from Python source and deletes it.

    Args:
        aws: The account.
        name: The name of the function and of its role.
        source: The source, which defines `handler`.
        statements: The statements of the role's policy.
    """

    def __init__(
        self,
        aws: LocalAws,
        name: str,
        source: str,
        statements: list[dict[str, Any]] | None = None,
    ) -> None:
        self.name, self._source, self._statements = name, source, statements
        self._iam, self._lambda = aws.client("iam"), aws.client("lambda")
        self.arn = f"arn:aws:lambda:{aws.region}:{aws.account}:function:{name}"

    def __enter__(self) -> Self:
        role = self._iam.create_role(
            RoleName=self.name, AssumeRolePolicyDocument=trusted_by("lambda")
        )["Role"]["Arn"]
        if self._statements:
            document = json.dumps({"Version": "2012-10-17", "Statement": self._statements})
            self._iam.put_role_policy(RoleName=self.name, PolicyName="all", PolicyDocument=document)
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            archive.writestr("index.py", self._source)
        self._lambda.create_function(
            FunctionName=self.name,
            Runtime="python3.13",
            Role=role,
            Handler="index.handler",
            Timeout=30,
            Code={"ZipFile": content.getvalue()},
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._lambda.delete_function(FunctionName=self.name)
        if self._statements:
            self._iam.delete_role_policy(RoleName=self.name, PolicyName="all")
        self._iam.delete_role(RoleName=self.name)

    def invoke(self, event: Any = None) -> Any:
        """Invoke the function synchronously, and return its result."""
        response = self._lambda.invoke(FunctionName=self.name, Payload=json.dumps(event))
        payload = json.load(response["Payload"])
        assert "FunctionError" not in response, payload
        return payload
