"""How errors are classified, and how long calls wait before a retry."""

import math
from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    NoCredentialsError,
    ParamValidationError,
)

from lambda_handler.faults import RETRY_BUDGETS, Fault, backoff, classify, message, retry_after


def client_error(code: str = "", status: int = 400, headers: Any = None) -> ClientError:
    response: Any = {
        "Error": {"Code": code, "Message": "said so"},
        "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": headers or {}},
    }
    return ClientError(response, "GetClientCertificate")


BARE = ClientError({}, "GetClientCertificate")
"""What botocore returns for a response without a body."""
TIMEOUT = ConnectTimeoutError(endpoint_url="https://api")


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("LimitExceededException", Fault.QUOTA_FULL),
        ("TooManyRequestsException", Fault.THROTTLED),
        ("ThrottlingException", Fault.THROTTLED),
        ("Throttling", Fault.THROTTLED),
        ("TooManyUpdates", Fault.THROTTLED),
        ("ExpiredToken", Fault.CREDENTIALS),
        ("ExpiredTokenException", Fault.CREDENTIALS),
        ("IncompleteSignature", Fault.CREDENTIALS),
        ("IncompleteSignatureException", Fault.CREDENTIALS),
        ("InvalidClientTokenId", Fault.CREDENTIALS),
        ("InvalidSignatureException", Fault.CREDENTIALS),
        ("MissingAuthenticationTokenException", Fault.CREDENTIALS),
        ("RequestExpired", Fault.CREDENTIALS),
        ("SignatureDoesNotMatch", Fault.CREDENTIALS),
        ("UnrecognizedClientException", Fault.CREDENTIALS),
        ("AccessDeniedException", Fault.DENIED),
        ("ParameterAlreadyExists", Fault.CONFLICT),
        ("ParameterNotFound", Fault.NOT_FOUND),
        ("InvalidResourceId", Fault.NOT_FOUND),
    ],
)
@pytest.mark.parametrize("status", [400, 403, 429, 500])
def test_code_decides_before_the_status(code: str, status: int, fault: Fault) -> None:
    assert classify(client_error(code, status)) is fault


@pytest.mark.parametrize(
    ("status", "fault"),
    [
        (400, Fault.REJECTED),
        (401, Fault.DENIED),
        (403, Fault.DENIED),
        (404, Fault.NOT_FOUND),
        (409, Fault.CONFLICT),
        (429, Fault.THROTTLED),
        (499, Fault.REJECTED),
        (500, Fault.AMBIGUOUS),
        (503, Fault.AMBIGUOUS),
    ],
)
def test_status_decides_for_other_codes(status: int, fault: Fault) -> None:
    assert classify(client_error("Other", status)) is fault


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (ParamValidationError(report="id"), Fault.REJECTED),
        (NoCredentialsError(), Fault.CREDENTIALS),
        (TIMEOUT, Fault.AMBIGUOUS),
        (BARE, Fault.REJECTED),
    ],
)
def test_error_without_a_response_from_api_gateway(error: Exception, fault: Fault) -> None:
    assert classify(error) is fault


def test_retry_budgets() -> None:
    assert {fault.name: budget for fault, budget in RETRY_BUDGETS.items()} == {
        "THROTTLED": math.inf,
        "QUOTA_FULL": 10,
        "CONFLICT": 60,
        "DENIED": 60,
        "CREDENTIALS": 60,
        "NOT_FOUND": 0,
        "REJECTED": 0,
        "AMBIGUOUS": 60,
    }


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (client_error(headers={"retry-after": "7.5"}), 7.5),
        (client_error(headers={"retry-after": "0.5"}), 0.5),
        (client_error(headers={"retry-after": "-7"}), 0),
        (client_error(headers={"retry-after": "soon"}), 0),
        (client_error(), 0),
        (BARE, 0),
        (TIMEOUT, 0),
    ],
)
def test_retry_after_comes_from_the_header(error: Exception, seconds: float) -> None:
    assert retry_after(error) == seconds


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (client_error("Conflict"), "Conflict: said so"),
        (BARE, ": "),
        (TIMEOUT, 'ConnectTimeoutError: Connect timeout on endpoint URL: "https://api"'),
    ],
)
def test_message_has_the_code_and_the_text(error: Exception, text: str) -> None:
    assert message(error) == text


@pytest.mark.parametrize(("attempt", "seconds"), [(1, 1), (2, 2), (3, 4), (4, 4), (10_000, 4)])
def test_backoff_doubles_up_to_four_seconds(attempt: int, seconds: float) -> None:
    assert backoff(attempt, retry_after=0, jitter=1) == seconds


def test_jitter_is_added_to_retry_after() -> None:
    assert backoff(1, retry_after=5, jitter=0) == 5
    assert backoff(2, retry_after=5, jitter=0.25) == 5.5
