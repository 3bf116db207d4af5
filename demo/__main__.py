"""Run a demo: exit with code 0 if everything worked, else print the cause in one line.

python -m demo [rotation]
"""

import sys

from local_aws import LocalAwsError
from local_aws.cdk import CdkError
from local_aws.interrupts import Interrupts

from . import demo, rotation
from .demo import DemoError
from .reloading_backends import BackendError


def main() -> None:
    """Run the demo that the command line names; exit with a one-line message if it fails."""
    Interrupts()
    try:
        if sys.argv[1:] == ["rotation"]:
            rotation.run()
        else:
            demo.run()
    except KeyboardInterrupt:
        sys.exit("demo interrupted: everything it started has been stopped")
    except Exception as error:
        sys.exit(f"demo failed: {_cause(error)}")


def _cause(error: Exception) -> str:
    """Return one line: any further lines of a message are a log."""
    cause = str(error).splitlines()[0] if str(error) else repr(error)
    if isinstance(error, DemoError | BackendError | CdkError | LocalAwsError):
        return cause
    return f"{type(error).__name__}: {cause}"


if __name__ == "__main__":
    main()
