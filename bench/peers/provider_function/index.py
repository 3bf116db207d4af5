"""A function for CDK's `Provider` framework, which responds to CloudFormation."""

from typing import Any

import boto3

client = boto3.client("apigateway")


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any] | None:
    if event["RequestType"] == "Create":
        properties = event["ResourceProperties"]
        made = client.generate_client_certificate(
            description=properties["Description"],
            tags={tag["Key"]: tag["Value"] for tag in properties["Tags"]},
        )
        return {
            "PhysicalResourceId": made["clientCertificateId"],
            "Data": {
                "PemEncodedCertificate": made["pemEncodedCertificate"],
                "ExpirationDate": made["expirationDate"].isoformat(),
            },
        }
    if event["RequestType"] == "Delete":
        client.delete_client_certificate(clientCertificateId=event["PhysicalResourceId"])
    return None
