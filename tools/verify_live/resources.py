"""Create the resources of the observations. Each function registers the removal first."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from tools.aws_account import Problem

from .account import Account, Call, Removal, pauses

STACK_SECONDS = 1500
"""How long a stack may take: more than the service timeout of 20 minutes."""


class StackFailedError(Problem):
    """A stack did not reach the desired state. The message contains CloudFormation's reason."""


def certificate(account: Account, tags: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Create a client certificate; its description is a unique name."""
    name = account.unique_name()
    made: dict[str, Any] = account.create(
        # Without retries: botocore would retry for minutes if the quota is exhausted.
        lambda: account.once.generate_client_certificate(description=name, tags=tags or {}),
        Removal(
            delete=lambda id: Call(
                "apigateway", "delete_client_certificate", {"clientCertificateId": id}
            ),
            find=lambda: [
                item["clientCertificateId"]
                for item in listed_certificates(account)
                if item.get("description") == name
            ],
            search=Call("apigateway", "get_client_certificates", {}),
            name=name,
        ),
        "clientCertificateId",
    )
    return made


def listed_certificates(account: Account) -> Iterator[dict[str, Any]]:
    """Yield the items of the list of all client certificates."""
    paginator = account.gateway.get_paginator("get_client_certificates")
    for page in paginator.paginate(PaginationConfig={"PageSize": 500}):
        yield from page["items"]


def rest_api(account: Account, backend_url: str | None = None) -> tuple[str, str]:
    """Create a REST API whose root has a GET method; return the IDs of the API and its root.

    The method passes requests on to `backend_url`, or is a mock.
    """
    name, gateway = account.unique_name(), account.gateway
    made = account.create(
        # Edge-optimized APIs, the default, can be created only once every 30 seconds.
        lambda: gateway.create_rest_api(name=name, endpointConfiguration={"types": ["REGIONAL"]}),
        Removal(
            delete=lambda id: Call("apigateway", "delete_rest_api", {"restApiId": id}),
            find=lambda: [
                api["id"]
                for page in gateway.get_paginator("get_rest_apis").paginate()
                for api in page["items"]
                if api["name"] == name
            ],
            search=Call("apigateway", "get_rest_apis", {}),
            name=name,
        ),
        "id",
    )
    api_id = made["id"]
    root = gateway.get_resources(restApiId=api_id)["items"][0]["id"]
    method = {"restApiId": api_id, "resourceId": root, "httpMethod": "GET"}
    gateway.put_method(**method, authorizationType="NONE")
    if backend_url:
        gateway.put_integration(
            **method, type="HTTP_PROXY", integrationHttpMethod="GET", uri=backend_url
        )
    else:
        mock = {"application/json": '{"statusCode": 200}'}
        gateway.put_integration(**method, type="MOCK", requestTemplates=mock)
    return api_id, root


def rest_stage(account: Account, api_id: str, certificate_id: str) -> str:
    """Create a stage that presents a client certificate; it is removed with its API."""
    stage = "live"
    deployment = account.gateway.create_deployment(restApiId=api_id)["id"]
    account.gateway.create_stage(restApiId=api_id, stageName=stage, deploymentId=deployment)
    present(account, api_id, stage, certificate_id)
    return stage


def present(account: Account, api_id: str, stage: str, certificate_id: str) -> None:
    """Have a stage present a client certificate."""
    change = {"op": "replace", "path": "/clientCertificateId", "value": certificate_id}
    account.gateway.update_stage(restApiId=api_id, stageName=stage, patchOperations=[change])


def websocket_stage(account: Account, certificate_id: str) -> None:
    """Create a WebSocket API with a stage that presents a client certificate."""
    name, gateway = account.unique_name(), account.clients["apigatewayv2"]
    made = account.create(
        lambda: gateway.create_api(
            Name=name, ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action"
        ),
        Removal(
            delete=lambda id: Call("apigatewayv2", "delete_api", {"ApiId": id}),
            find=lambda: [
                api["ApiId"]
                for page in gateway.get_paginator("get_apis").paginate()
                for api in page["Items"]
                if api["Name"] == name
            ],
            search=Call("apigatewayv2", "get_apis", {}),
            name=name,
        ),
        "ApiId",
    )
    gateway.create_stage(ApiId=made["ApiId"], StageName="live", ClientCertificateId=certificate_id)


def role(account: Account, policy: Mapping[str, Any]) -> str:
    """Create a role of this account with one inline policy; return its ARN."""
    name, iam = account.unique_name(), account.clients["iam"]
    root = f"arn:{account.partition}:iam::{account.id}:root"
    trust = {"Effect": "Allow", "Principal": {"AWS": root}, "Action": "sts:AssumeRole"}
    made = account.create(
        lambda: iam.create_role(
            RoleName=name,
            AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
        ),
        Removal.of_named(Call("iam", "delete_role", {"RoleName": name})),
    )
    inline = {"RoleName": name, "PolicyName": name}
    account.create(
        lambda: iam.put_role_policy(**inline, PolicyDocument=json.dumps(policy)),
        Removal.of_named(Call("iam", "delete_role_policy", inline)),
    )
    return str(made["Role"]["Arn"])


def bucket(account: Account, name: str, key: str, content: bytes) -> None:
    """Create a bucket with one object."""
    s3 = account.clients["s3"]
    # S3 accepts no location constraint for us-east-1.
    place = {"LocationConstraint": account.region}
    options = {} if account.region == "us-east-1" else {"CreateBucketConfiguration": place}
    account.create(
        lambda: s3.create_bucket(Bucket=name, **options),
        Removal.of_named(Call("s3", "delete_bucket", {"Bucket": name})),
    )
    account.create(
        lambda: s3.put_object(Bucket=name, Key=key, Body=content),
        Removal.of_named(Call("s3", "delete_object", {"Bucket": name, "Key": key})),
    )


def stack(account: Account, name: str, template: Mapping[str, Any]) -> dict[str, str]:
    """Create a CloudFormation stack and wait for it; return its outputs.

    Raises:
        StackFailedError: CloudFormation refused the template, or rolled it back.
    """
    account.create(
        lambda: _request(account, "create_stack", name, template),
        Removal.of_named(
            Call("cloudformation", "delete_stack", {"StackName": name}),
            wait=lambda: _wait(account, name, "DELETE_COMPLETE"),
        ),
    )
    outputs = _wait(account, name, "CREATE_COMPLETE").get("Outputs", [])
    return {output["OutputKey"]: output["OutputValue"] for output in outputs}


def update_stack(account: Account, name: str, template: Mapping[str, Any]) -> None:
    """Update a stack and wait for it.

    Raises:
        StackFailedError: CloudFormation refused the template, or rolled it back.
    """
    _request(account, "update_stack", name, template)
    _wait(account, name, "UPDATE_COMPLETE")


def _request(account: Account, operation: str, name: str, template: Mapping[str, Any]) -> Any:
    method = getattr(account.clients["cloudformation"], operation)
    return method(
        StackName=name, TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_IAM"]
    )


def _wait(account: Account, name: str, status: str) -> dict[str, Any]:
    """Wait until a stack has a status; return its description, empty once it is gone."""
    cloudformation = account.clients["cloudformation"]
    for _ in pauses(STACK_SECONDS):
        try:
            [found] = cloudformation.describe_stacks(StackName=name)["Stacks"]
        except ClientError as error:
            # A deleted stack can be described by its ID only.
            if status == "DELETE_COMPLETE" and "does not exist" in str(error):
                return {}
            raise
        if found["StackStatus"] == status:
            return dict(found)
        if not found["StackStatus"].endswith("_IN_PROGRESS"):
            raise StackFailedError(f"{found['StackStatus']}: {_first_failure(account, name)}")
    raise StackFailedError(f"stack {name} is not {status} after {STACK_SECONDS} s")


def _first_failure(account: Account, name: str) -> str:
    events = account.clients["cloudformation"].describe_stack_events(StackName=name)["StackEvents"]
    reasons = [
        f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', '')}"
        for event in reversed(events)
        if event["ResourceStatus"].endswith("_FAILED")
    ]
    return reasons[0] if reasons else "no reason given"
