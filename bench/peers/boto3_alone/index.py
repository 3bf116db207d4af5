"""The least that a Python function can do: create a client, and make our handler's first call."""

from typing import Any

import boto3

client = boto3.client("apigateway")


def handler(_event: Any, _context: Any) -> None:
    client.get_client_certificates(limit=500)
