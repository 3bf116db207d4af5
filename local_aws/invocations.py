"""The outcome of an asynchronous invocation of a Lambda function."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

__all__ = ["Invocation"]


@dataclass(frozen=True)
class Invocation:
    """An asynchronous invocation, by a schedule or by a rule.

    Attributes:
        time: The account's time when the invocation was started; for a schedule, the time that
            it was scheduled for.
        source: The ARN of the schedule or rule.
        function: The ARN of the function.
        event: What the function received.
        attempts: How often the function was run; 0 if it could not be invoked.
        result: What the last attempt returned; None if it failed.
        error: Why the last attempt failed, or None.
        log: What all attempts logged.
    """

    time: datetime
    source: str
    function: str
    event: Any
    attempts: int
    result: Any = None
    error: str | None = None
    log: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the invocation as a JSON document."""
        return asdict(self) | {"time": self.time.isoformat()}

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> "Invocation":
        """Return the invocation that `to_json` encoded."""
        return cls(**document | {"time": datetime.fromisoformat(document["time"])})
