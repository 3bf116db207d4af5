"""Says which AWS account the CDK CLI is about to work on, or in one line why there is none."""

import sys

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError


def main() -> None:
    try:
        session = boto3.Session()
        sts = session.client(
            "sts",
            region_name=session.region_name or "us-east-1",
            config=Config(connect_timeout=5, read_timeout=5, retries={"total_max_attempts": 1}),
        )
        account = sts.get_caller_identity()["Account"]
    except (BotoCoreError, ClientError) as error:
        cause = " ".join(str(error).split()).rstrip(".")
        sys.exit(
            f"no usable AWS credentials ({cause}): set them up (aws configure, AWS_PROFILE), "
            "or run make demo, which needs none"
        )
    print(f"AWS account {account}")


main()
