"""Observations of the permissions that tag calls require."""

import json
import time
from collections.abc import Mapping
from typing import Any, Final

from botocore.exceptions import ClientError

from tools.aws_account import Problem

from . import resources
from .account import Account, denied, pauses
from .verdict import Verdict, judge

IAM_SECONDS: Final = 120
"""How long IAM may take to propagate a new role."""


def tags_allowed(account: Account, policy: Mapping[str, Any]) -> Verdict:
    """Add, read and remove a tag as a role that has the function's policy."""
    made = resources.certificate(account, tags={"verify-live": account.name})
    gateway = _as_role(account, policy, made["clientCertificateId"])
    arn = _arn(account, f"clientcertificates/{made['clientCertificateId']}")
    calls: dict[str, dict[str, Any]] = {
        "tag_resource": {"tags": {"verify-live": "changed"}},
        "get_tags": {},
        "untag_resource": {"tagKeys": ["verify-live"]},
    }
    refused = [
        name
        for name, arguments in calls.items()
        if _refused(gateway, name, resourceArn=arn, **arguments)
    ]
    return judge(not refused, f"refused: {', '.join(refused) or 'none of the three calls'}")


def tags_need_patch(account: Account, policy: Mapping[str, Any]) -> Verdict:
    """Add a tag as a role that has the function's policy without PATCH."""
    made = resources.certificate(account)
    gateway = _as_role(account, without(policy, "apigateway:PATCH"), made["clientCertificateId"])
    arn = _arn(account, f"clientcertificates/{made['clientCertificateId']}")
    refused = _refused(gateway, "tag_resource", resourceArn=arn, tags={"verify-live": "changed"})
    return judge(refused, f"TagResource without PATCH is {'refused' if refused else 'allowed'}")


def tags_of_others(account: Account, policy: Mapping[str, Any]) -> Verdict:
    """Read the tags of a REST API as a role that has the function's policy."""
    made = resources.certificate(account)
    gateway = _as_role(account, policy, made["clientCertificateId"])
    # The API need not exist, because IAM decides first.
    refused = _refused(gateway, "get_tags", resourceArn=_arn(account, "restapis/0000000000"))
    return judge(refused, f"GetTags of a REST API is {'refused' if refused else 'not refused'}")


def without(policy: Mapping[str, Any], action: str) -> dict[str, Any]:
    """Return a policy that lacks an action."""
    statements = json.loads(json.dumps(policy["Statement"]))
    for statement in statements:
        if isinstance(statement["Action"], list):
            statement["Action"] = [it for it in statement["Action"] if it != action]
    return {**policy, "Statement": [it for it in statements if it["Action"] not in ([], action)]}


def _as_role(account: Account, policy: Mapping[str, Any], readable_id: str) -> Any:
    """Return an API Gateway client with the credentials of a new role.

    A new role and its policy take seconds to work everywhere: wait until the role can be assumed
    and may read the certificate `readable_id`.
    """
    role, sts = resources.role(account, policy), account.clients["sts"]
    for elapsed in pauses(IAM_SECONDS):
        try:
            session = sts.assume_role(RoleArn=role, RoleSessionName=account.name)["Credentials"]
            gateway = account.session.client(
                "apigateway",
                aws_access_key_id=session["AccessKeyId"],
                aws_secret_access_key=session["SecretAccessKey"],
                aws_session_token=session["SessionToken"],
            )
            gateway.get_client_certificate(clientCertificateId=readable_id)
        except ClientError as error:
            if not denied(error) or elapsed > IAM_SECONDS - 10:
                raise
        else:
            # IAM may allow a call while another endpoint still denies it.
            time.sleep(min(10.0, elapsed))
            return gateway
    raise Problem(f"role {role} could not be used within {IAM_SECONDS} s")


def _refused(gateway: Any, operation: str, **arguments: Any) -> bool:
    try:
        getattr(gateway, operation)(**arguments)
    except ClientError as error:
        if denied(error):
            return True
        if error.response["Error"]["Code"] != "NotFoundException":
            raise
    return False


def _arn(account: Account, path: str) -> str:
    return f"arn:{account.partition}:apigateway:{account.region}::/{path}"
