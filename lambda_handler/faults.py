"""What an error of API Gateway means, and for how long a call that gets it is retried.

Sources: the exceptions of each operation in the API Gateway API reference, and "Common error
types" there. An error is classified by its code and HTTP status, never by its message.
"""

import math
from collections.abc import Mapping
from enum import Enum
from typing import Any, Final

from botocore.exceptions import ClientError, NoCredentialsError, ParamValidationError


class Fault(Enum):
    """The kinds of errors. The value completes the sentence "operation …" in a Reason."""

    THROTTLED = "was throttled"
    QUOTA_FULL = "found the quota of client certificates full"
    CONFLICT = "conflicted with another change, or the certificate is in use"
    DENIED = "was not permitted"
    CREDENTIALS = "was refused because of the function's credentials"
    NOT_FOUND = "found nothing"
    REJECTED = "was rejected"
    AMBIGUOUS = "failed without saying whether it took effect"


RETRY_BUDGETS: Final[Mapping[Fault, float]] = {
    Fault.THROTTLED: math.inf,
    Fault.QUOTA_FULL: 10.0,
    Fault.CONFLICT: 60.0,
    # A new role's policy and credentials take seconds to propagate through IAM.
    Fault.DENIED: 60.0,
    Fault.CREDENTIALS: 60.0,
    Fault.NOT_FOUND: 0.0,
    Fault.REJECTED: 0.0,
    Fault.AMBIGUOUS: 60.0,
}
"""Seconds for which a call is retried. The deadline of the invocation bounds all of them."""

_THROTTLING_CODES: Final = {
    "TooManyRequestsException",
    "ThrottlingException",
    "Throttling",
    "TooManyUpdates",
}
_CREDENTIALS_CODES: Final = {
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "IncompleteSignatureException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationTokenException",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
_BY_CODE: Final = {
    # Systems Manager and EventBridge send these with the status 400.
    "AccessDeniedException": Fault.DENIED,
    "ParameterAlreadyExists": Fault.CONFLICT,
    "ParameterNotFound": Fault.NOT_FOUND,
    "InvalidResourceId": Fault.NOT_FOUND,
}
_BY_STATUS: Final = {
    401: Fault.DENIED,
    403: Fault.DENIED,
    404: Fault.NOT_FOUND,
    409: Fault.CONFLICT,
    429: Fault.THROTTLED,
}


def classify(error: Exception) -> Fault:
    """Return the kind of an error."""
    if isinstance(error, ParamValidationError):
        return Fault.REJECTED
    if isinstance(error, NoCredentialsError):
        return Fault.CREDENTIALS
    if not isinstance(error, ClientError):
        return Fault.AMBIGUOUS  # a lost connection, a time-out, a response that cannot be parsed
    code, status = _code(error), _metadata(error).get("HTTPStatusCode", 0)
    if code == "LimitExceededException":
        return Fault.QUOTA_FULL
    if code in _THROTTLING_CODES:
        return Fault.THROTTLED
    if code in _CREDENTIALS_CODES:
        return Fault.CREDENTIALS
    if code in _BY_CODE:
        return _BY_CODE[code]
    if status >= 500:
        return Fault.AMBIGUOUS
    return _BY_STATUS.get(status, Fault.REJECTED)


def retry_after(error: Exception) -> float:
    """Return the seconds that API Gateway asks to wait (the `Retry-After` header), 0 if none."""
    if not isinstance(error, ClientError):
        return 0.0
    try:
        return max(0.0, float(_metadata(error)["HTTPHeaders"]["retry-after"]))
    except (KeyError, ValueError):
        return 0.0


def message(error: Exception) -> str:
    """Return an error's code and message as API Gateway sent them, else botocore's."""
    if not isinstance(error, ClientError):
        return f"{type(error).__name__}: {error}"
    return f"{_code(error)}: {error.response.get('Error', {}).get('Message', '')}"


def backoff(attempt: int, retry_after: float, jitter: float) -> float:
    """Return the seconds to wait before the next attempt.

    The random part is at most 1 s after the first attempt, 2 s after the second, then 4 s.

    Args:
        attempt: The number of the attempt that failed, from 1.
        retry_after: Seconds to wait at least.
        jitter: A random number between 0 and 1. It keeps throttled callers from retrying in step.
    """
    return retry_after + jitter * 2.0 ** min(attempt - 1, 2)


def _code(error: ClientError) -> str:
    return error.response.get("Error", {}).get("Code", "")


def _metadata(error: ClientError) -> dict[str, Any]:
    return dict(error.response.get("ResponseMetadata", {}))
