"""Serve an AWS account on loopback until Ctrl-C, and print what a shell needs to use it.

Paste the printed lines into a second shell. There, in the folder of a CDK app:

    cdk bootstrap
    cdk deploy --require-approval never
    cdk destroy --force

The two options are for a shell without a terminal, in which cdk cannot ask.

A stage of a REST API is invoked here, not at the URL that a stack's outputs show:

    curl --cacert "$AWS_CA_BUNDLE" "$AWS_ENDPOINT_URL/_aws/execute-api/API_ID/STAGE/"
"""

import argparse
import os
import shlex
import signal
import sys
from types import FrameType

from .local import LocalAws, LocalAwsError


def main() -> int:
    """The command line. 0 after Ctrl-C or SIGTERM, 1 when the server cannot start or go on."""
    parser = argparse.ArgumentParser(
        prog="python -m local_aws",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=int, default=0, help="default: a free one")
    parser.add_argument("--region", default="us-east-1")
    parser.add_argument("--trust", help="PEM file of the CAs that backends of HTTP APIs have")
    parser.add_argument("--quota", type=int, default=60, help="client certificates (default: 60)")
    parser.add_argument("--throttled", action="store_true", help="10 requests/s, burst 40")
    parser.add_argument("--no-tags-in-list", action="store_true", help="list items have no tags")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGINT, _interrupt)
    aws = LocalAws(
        given.port,
        region=given.region,
        trust=given.trust,
        quota=given.quota,
        throttled=given.throttled,
        tags_in_list=not given.no_tags_in_list,
    )
    try:
        with aws:
            # While a finalizer ran, say, of which Python drops the exception.
            if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
                return 0
            print("\n".join(_exports(aws)), flush=True)
            print(f"# ready: {aws.endpoint} (Ctrl-C ends it)", flush=True)
            aws.wait()
    except KeyboardInterrupt:
        return 0
    except LocalAwsError as error:
        print(error, file=sys.stderr)
    except OSError as error:
        print(f"the local AWS cannot start: {error}", file=sys.stderr)
    return 1


def _exports(aws: LocalAws) -> list[str]:
    """Lines for a shell that already has variables of its own, which would have precedence."""
    foreign = {name for name in os.environ if name.startswith("AWS_")} - aws.variables.keys()
    unset = sorted(foreign | {"AWS_PROFILE", "AWS_SESSION_TOKEN"})
    exports = [f"export {name}={shlex.quote(value)}" for name, value in aws.variables.items()]
    return [f"unset {' '.join(unset)}", *exports]


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    # A second Ctrl-C, out of impatience, must not break off the cleaning up.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
