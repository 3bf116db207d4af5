"""The function with all options: a runtime, a role, a log group and a VPC that you choose."""

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs

from cdk_apigateway_client_certificate import ClientCertificate, ClientCertificateProvider

app = cdk.App()
stack = cdk.Stack(app, "Provider")
key = kms.Key(stack, "Key")
# CloudWatch Logs uses the log group's key, not the function.
key.grant_encrypt_decrypt(iam.ServicePrincipal(f"logs.{stack.region}.amazonaws.com"))
log_group = logs.LogGroup(
    stack,
    "LogGroup",
    encryption_key=key,
    retention=logs.RetentionDays.ONE_YEAR,
    removal_policy=cdk.RemovalPolicy.DESTROY,
)
role = iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
vpc = ec2.Vpc.from_vpc_attributes(
    stack,
    "Vpc",
    vpc_id="vpc-0123456789abcdef0",
    availability_zones=["eu-west-1a"],
    private_subnet_ids=["subnet-0123456789abcdef0"],
    private_subnet_route_table_ids=["rtb-0123456789abcdef0"],
)
security_group = ec2.SecurityGroup.from_security_group_id(
    stack, "SecurityGroup", "sg-0123456789abcdef0"
)

ClientCertificateProvider.configure(
    stack,
    runtime=lambda_.Runtime.PYTHON_3_14,
    architecture=lambda_.Architecture.ARM_64,
    memory_size=512,
    log_group=log_group,
    role=role,
    vpc=vpc,
    vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS),
    security_groups=[security_group],
    environment_encryption=key,
)
ClientCertificate(stack, "Certificate")
app.synth()
