"""Observations of CloudFormation."""

import base64
from typing import Any

from botocore.exceptions import ClientError

from . import resources
from .account import Account, denied
from .resources import StackFailedError
from .synthesis import Synthesis
from .verdict import Verdict, judge


def unnamed_certificate(account: Account) -> Verdict:
    """Change another property of a stage whose certificate was set outside of its template."""
    id = resources.certificate(account)["clientCertificateId"]
    name = account.unique_name()
    outputs = resources.stack(account, name, stage_template(name, "before"))
    api_id = outputs["ApiId"]
    resources.present(account, api_id, "live", id)
    resources.update_stack(account, name, stage_template(name, "after"))
    stage = account.gateway.get_stage(restApiId=api_id, stageName="live")
    if stage.get("description") != "after":
        raise StackFailedError(f"the update did not change the stage's description: {stage}")
    kept = stage.get("clientCertificateId") == id
    return judge(kept, f"the stage {'kept' if kept else 'lost'} its certificate")


def stage_template(name: str, description: str) -> dict[str, Any]:
    """Return a template with a stage that names no client certificate."""
    api = {"Ref": "Api"}
    return {
        "Resources": {
            "Api": {
                "Type": "AWS::ApiGateway::RestApi",
                "Properties": {"Name": name, "EndpointConfiguration": {"Types": ["REGIONAL"]}},
            },
            "Method": {
                "Type": "AWS::ApiGateway::Method",
                "Properties": {
                    "RestApiId": api,
                    "ResourceId": {"Fn::GetAtt": ["Api", "RootResourceId"]},
                    "HttpMethod": "GET",
                    "AuthorizationType": "NONE",
                    "Integration": {"Type": "MOCK"},
                },
            },
            "Deployment": {
                "Type": "AWS::ApiGateway::Deployment",
                "DependsOn": "Method",
                "Properties": {"RestApiId": api},
            },
            "Stage": {
                "Type": "AWS::ApiGateway::Stage",
                "Properties": {
                    "RestApiId": api,
                    "DeploymentId": {"Ref": "Deployment"},
                    "StageName": "live",
                    "Description": description,
                },
            },
        },
        "Outputs": {"ApiId": {"Value": api}},
    }


def weak_reference(account: Account, synthesis: Synthesis) -> Verdict:
    """Deploy a certificate in one stack, and its PEM by a weak reference in another."""
    code = base64.b64decode(synthesis.code)
    resources.bucket(account, synthesis.bucket, synthesis.code_key, code)
    outputs = resources.stack(account, synthesis.owner, synthesis.templates[synthesis.owner])
    [pem] = outputs.values()
    try:
        resources.stack(account, synthesis.consumer, synthesis.templates[synthesis.consumer])
    except (StackFailedError, ClientError) as error:
        if denied(error):
            raise
        return judge(False, f"CloudFormation refuses the reference: {error}")
    found = account.clients["ssm"].get_parameter(Name=synthesis.parameter)["Parameter"]["Value"]
    # The output is part of an XML document, and XML parsers turn CRLF into LF.
    same = found.splitlines() == pem.splitlines()
    return judge(same, f"the other stack has {'the PEM' if same else repr(found)}")
