"""Print the AWS account that a command is about to use, or why there is none."""

import sys
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError


class Problem(Exception):
    """A problem that stops a command. The message is one line and includes the fix."""


def caller_identity(session: boto3.Session) -> dict[str, Any]:
    """Return the response of `GetCallerIdentity`.

    Raises:
        Problem: There are no usable credentials, or AWS cannot be reached.
    """
    try:
        sts = session.client(
            "sts",
            region_name=session.region_name or "us-east-1",
            config=Config(connect_timeout=5, read_timeout=5, retries={"total_max_attempts": 1}),
        )
        identity: dict[str, Any] = sts.get_caller_identity()
    except EndpointConnectionError as error:
        raise Problem(
            f"AWS cannot be reached ({_one_line(error)}): check the network and the Region's name, "
            f"{session.region_name!r}"
        ) from error
    except (BotoCoreError, ClientError) as error:
        raise Problem(
            f"no usable AWS credentials ({_one_line(error)}): set them up (aws configure, "
            "AWS_PROFILE), or run make demo, which needs none"
        ) from error
    return identity


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")


def main() -> None:
    try:
        print(f"AWS account {caller_identity(boto3.Session())['Account']}")
    except Problem as problem:
        sys.exit(str(problem))


if __name__ == "__main__":
    main()
