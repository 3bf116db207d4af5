"""Serve an AWS account on loopback until Ctrl-C, and print what a shell needs to use it.

Paste the printed lines into a second shell. There, in the folder of a CDK app:

    cdk bootstrap
    cdk deploy --require-approval never
    cdk destroy --force

The two options are for a shell without a terminal, in which cdk cannot ask for approval.

Invoke a stage of a REST API here, not at the URL in the outputs of a stack:

    curl --cacert "$AWS_CA_BUNDLE" "$AWS_ENDPOINT_URL/_aws/execute-api/API_ID/STAGE/"

Schedules fire when the account's clock is advanced, by a number of seconds, or by 0:

    curl --cacert "$AWS_CA_BUNDLE" --data '{"advance": 3600}' "$AWS_ENDPOINT_URL/_local_aws/clock"
"""

import argparse
import os
import shlex
import sys

from .interrupts import Interrupts
from .local import LocalAws, LocalAwsError


def main() -> int:
    """Run the command line program.

    Returns:
        The exit code: 0 after Ctrl-C or SIGTERM, 1 if the server cannot start or ends by itself.
    """
    options = _parser().parse_args()
    interrupts = Interrupts()
    aws = LocalAws(
        options.port,
        region=options.region,
        trust=options.trust,
        quota=options.quota,
        throttled=options.throttled,
        tags_in_list=not options.no_tags_in_list,
        certificate_needs_deployment=options.certificate_needs_deployment,
        update_resets_certificate=options.update_resets_certificate,
    )
    try:
        with aws:
            if interrupts.received:
                return 0
            print("\n".join(_exports(aws)), flush=True)
            print(f"# ready: {aws.endpoint} (press Ctrl-C to stop)", flush=True)
            aws.wait()
    except KeyboardInterrupt:
        return 0
    except LocalAwsError as error:
        print(error, file=sys.stderr)
    except OSError as error:
        print(f"the local AWS cannot start: {error}", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m local_aws",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=int, default=0, help="default: a free one")
    parser.add_argument("--region", default="us-east-1")
    parser.add_argument("--trust", help="PEM file of the CAs of HTTP integrations' backends")
    parser.add_argument(
        "--quota", type=int, default=60, help="maximum number of client certificates (default: 60)"
    )
    parser.add_argument(
        "--throttled", action="store_true", help="limit requests to 10 per second, burst 40"
    )
    parser.add_argument(
        "--no-tags-in-list", action="store_true", help="list client certificates without their tags"
    )
    parser.add_argument(
        "--certificate-needs-deployment",
        action="store_true",
        help="let a stage present a new client certificate only after a new deployment to it",
    )
    parser.add_argument(
        "--update-resets-certificate",
        action="store_true",
        help="remove a client certificate that the template does not name when a stage is updated",
    )
    return parser


def _exports(aws: LocalAws) -> list[str]:
    """Return shell commands that set this account's variables and unset all other `AWS_*` ones."""
    foreign = {name for name in os.environ if name.startswith("AWS_")} - aws.variables.keys()
    unset = sorted(foreign | {"AWS_PROFILE", "AWS_SESSION_TOKEN"})
    exports = [f"export {name}={shlex.quote(value)}" for name, value in aws.variables.items()]
    return [f"unset {' '.join(unset)}", *exports]


if __name__ == "__main__":
    sys.exit(main())
