"""Expected failures: whatever derives from `RequestError` has a text that is the Reason."""


class RequestError(Exception):
    """A request that fails for a known cause. Any other exception is a bug in this package."""


class InvalidRequestError(RequestError):
    """The template asks for what this resource cannot do. Raised before any call."""


class RefusedError(RequestError):
    """The request cannot be carried out as things are in the account."""


class OutOfTimeError(RequestError):
    """The deadline is too near to start another call."""
