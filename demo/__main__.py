"""`python -m demo`: exit code 0 when everything was as it should be, else the cause in one line."""

import signal
import sys
from types import FrameType

from local_aws import LocalAwsError
from local_aws.cdk import CdkError

from .demo import DemoError, run

INTERRUPTS = (signal.SIGINT, signal.SIGTERM)


def main() -> None:
    for number in INTERRUPTS:
        signal.signal(number, _interrupt)
    try:
        run()
    except KeyboardInterrupt:
        sys.exit("demo interrupted: everything that it started is stopped")
    except Exception as error:
        # One line: what follows in a message is a log.
        cause = str(error).splitlines()[0] if str(error) else repr(error)
        told = isinstance(error, DemoError | CdkError | LocalAwsError)
        sys.exit(f"demo failed: {cause if told else _named(error, cause)}")


def _named(error: Exception, cause: str) -> str:
    return f"{type(error).__name__}: {cause}"


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    # A second Ctrl-C, out of impatience, must not break off the cleaning up.
    for number in INTERRUPTS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
