"""`python -m demo`: exit code 0 when everything was as it should be, else the cause in one line."""

import signal
import sys
from types import FrameType

from .demo import DemoError, run


def main() -> None:
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        run()
    except KeyboardInterrupt:
        sys.exit("demo interrupted: everything that it started is stopped")
    except Exception as error:
        # One line: what follows in a message is a log.
        cause = str(error).splitlines()[0] if str(error) else repr(error)
        sys.exit(f"demo failed: {cause if isinstance(error, DemoError) else _named(error, cause)}")


def _named(error: Exception, cause: str) -> str:
    return f"{type(error).__name__}: {cause}"


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
