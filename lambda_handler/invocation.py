"""What an operation works with."""

from collections.abc import Callable
from dataclasses import dataclass

from .api_gateway import ApiGateway
from .deadline import Deadline
from .request import Request


@dataclass(frozen=True)
class Invocation:
    """One delivery of a request, and what is needed to carry it out."""

    request: Request
    api: ApiGateway
    deadline: Deadline
    set_physical_id: Callable[[str], None]
    """Called as soon as an ID is known, so that a failure after it still responds with the ID."""
