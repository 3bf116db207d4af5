"""A handler as crhelper's README writes it, with its defaults: one call to create, one to delete.

A repeated Create issues another certificate, because it does not look for the first one.
"""

import logging
from typing import Any

from crhelper import CfnResource

logger = logging.getLogger(__name__)
helper = CfnResource(json_logging=False, log_level="DEBUG", boto_level="CRITICAL")

try:
    import boto3

    client = boto3.client("apigateway")
except Exception as error:
    helper.init_failure(error)


@helper.create
def create(event: dict[str, Any], _context: Any) -> str:
    properties = event["ResourceProperties"]
    made = client.generate_client_certificate(
        description=properties["Description"],
        tags={tag["Key"]: tag["Value"] for tag in properties["Tags"]},
    )
    helper.Data["PemEncodedCertificate"] = made["pemEncodedCertificate"]
    helper.Data["ExpirationDate"] = made["expirationDate"].isoformat()
    return made["clientCertificateId"]


@helper.delete
def delete(event: dict[str, Any], _context: Any) -> None:
    client.delete_client_certificate(clientCertificateId=event["PhysicalResourceId"])


def handler(event: dict[str, Any], context: Any) -> None:
    helper(event, context)
