"""Helpers that read templates, and one that configures a provider with all options."""

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs

from cdk_apigateway_client_certificate import ClientCertificateProvider

Json = dict[str, Any]

HAS_WEAK_REFERENCES = hasattr(cdk.Stack, "consume_reference")
needs_weak_references = pytest.mark.skipif(
    not HAS_WEAK_REFERENCES, reason="aws-cdk-lib has no weak references before 2.258.0"
)

CERTIFICATE = "Custom::ApiGatewayClientCertificate"


def of_type(template: Json, type: str) -> dict[str, Json]:
    """Return the resources of a type by their logical IDs."""
    return {id: it for id, it in template["Resources"].items() if it["Type"] == type}


def the_only(template: Json, type: str) -> tuple[str, Json]:
    """Return the logical ID and the definition of the only resource of a type."""
    [found] = of_type(template, type).items()
    return found


def references(value: Any) -> set[str]:
    """Return the logical IDs that a part of a template depends on: Ref, GetAtt, DependsOn."""
    match value:
        case {"Ref": str(id)}:
            return {id}
        case {"Fn::GetAtt": [str(id), _]}:
            return {id}
        case dict():
            depends_on = value.get("DependsOn", [])
            return set(depends_on).union(*map(references, value.values()))
        case list():
            return set().union(*map(references, value))
        case _:
            return set()


def existing_vpc(stack: cdk.Stack) -> ec2.IVpc:
    """Return a VPC that the stack did not create."""
    return ec2.Vpc.from_vpc_attributes(
        stack,
        "Vpc",
        vpc_id="vpc-01234567",
        availability_zones=["eu-west-1a"],
        private_subnet_ids=["subnet-01234567"],
        private_subnet_route_table_ids=["rtb-01234567"],
        public_subnet_ids=["subnet-89abcdef"],
        public_subnet_route_table_ids=["rtb-89abcdef"],
    )


def configure_all_options(stack: cdk.Stack) -> None:
    """Set every option except `log_retention`, which cannot be combined with `log_group`."""
    key = kms.Key(stack, "Key", enable_key_rotation=True)
    ClientCertificateProvider.configure(
        stack,
        runtime=lambda_.Runtime.PYTHON_3_14,
        architecture=lambda_.Architecture.ARM_64,
        memory_size=512,
        log_group=logs.LogGroup(stack, "LogGroup", encryption_key=key),
        role=iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com")),
        vpc=existing_vpc(stack),
        vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS),
        security_groups=[ec2.SecurityGroup.from_security_group_id(stack, "Group", "sg-01234567")],
        environment_encryption=key,
    )
