"""What an error of API Gateway's means, and how long to bear it: decided here, acted on elsewhere.

Sources: the exceptions of each operation in the API Gateway REST API reference, and "Common error
types" there. Decided by error code and HTTP status, never by an error's text.
"""

import math
from enum import Enum
from typing import Any, Final

from botocore.exceptions import ClientError, ParamValidationError


class Fault(Enum):
    """The kinds of failure that call for different answers."""

    THROTTLED = "throttled"
    QUOTA = "the quota of client certificates is full"
    CONFLICT = "in conflict with another change, or in use"
    DENIED = "not permitted"
    MISSING = "not found"
    REFUSED = "refused"
    UNCERTAIN = "failed without saying whether it took effect"


PATIENCE: Final = {
    Fault.THROTTLED: math.inf,
    Fault.QUOTA: 10.0,
    Fault.CONFLICT: 60.0,
    # IAM takes seconds to show a new role's policy everywhere.
    Fault.DENIED: 60.0,
    Fault.MISSING: 0.0,
    Fault.REFUSED: 0.0,
    Fault.UNCERTAIN: 60.0,
}
"""Seconds for which a call is tried again; the request's deadline bounds them all."""

_THROTTLING: Final = {"TooManyRequestsException", "ThrottlingException", "Throttling"}
_BY_STATUS: Final = {
    401: Fault.DENIED,
    403: Fault.DENIED,
    404: Fault.MISSING,
    409: Fault.CONFLICT,
    429: Fault.THROTTLED,
}


def classify(error: Exception) -> Fault:
    """The kind of an error."""
    if isinstance(error, ParamValidationError):
        return Fault.REFUSED
    if not isinstance(error, ClientError):
        return Fault.UNCERTAIN  # a lost connection, a time-out, an answer that cannot be read
    code, status = _code(error), _metadata(error).get("HTTPStatusCode", 0)
    if code == "LimitExceededException":
        return Fault.QUOTA
    if code in _THROTTLING:
        return Fault.THROTTLED
    if status >= 500:
        return Fault.UNCERTAIN
    return _BY_STATUS.get(status, Fault.REFUSED)


def retry_after(error: Exception) -> float:
    """The seconds that API Gateway asks to wait (`retryAfterSeconds`, a header); 0 if none."""
    if not isinstance(error, ClientError):
        return 0.0
    try:
        return max(0.0, float(_metadata(error)["HTTPHeaders"]["retry-after"]))
    except (KeyError, ValueError):
        return 0.0


def said(error: Exception) -> str:
    """An error in API Gateway's own words, or botocore's where it said nothing."""
    if not isinstance(error, ClientError):
        return f"{type(error).__name__}: {error}"
    return f"{_code(error)}: {error.response.get('Error', {}).get('Message', '')}"


def pause(attempt: int, asked: float, chance: float) -> float:
    """Seconds before the next attempt: what was asked for, and a growing, random part.

    Without chance (0 to 1) in it, all that were throttled together would come back together.
    """
    return asked + chance * min(4.0, 0.5 * 2.0 ** min(attempt, 10))


def _code(error: ClientError) -> str:
    return error.response.get("Error", {}).get("Code", "")


def _metadata(error: ClientError) -> dict[str, Any]:
    return dict(error.response.get("ResponseMetadata", {}))
