"""An ALB that trusts the certificate: a trust store reads its PEM from a bucket.

Unverified: no live account was at hand to see whether an ALB takes API Gateway's self-signed
certificate as the CA of a trust store, which a certificate without the CA mark may not be.
"""

import aws_cdk as cdk
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_deployment as deployment

from cdk_apigateway_client_certificate import ClientCertificate

app = cdk.App()
stack = cdk.Stack(app, "AlbTrustStore")
certificate = ClientCertificate(stack, "Certificate")

bucket = s3.Bucket(
    stack, "Bucket", removal_policy=cdk.RemovalPolicy.DESTROY, auto_delete_objects=True
)
# The key contains the certificate's ID, so that a replacement also updates the trust store.
folder = certificate.client_certificate_id
upload = deployment.BucketDeployment(
    stack,
    "Upload",
    destination_bucket=bucket,
    destination_key_prefix=folder,
    sources=[deployment.Source.data("client.pem", certificate.pem_encoded_certificate)],
)
trust_store = elbv2.TrustStore(stack, "TrustStore", bucket=bucket, key=f"{folder}/client.pem")
trust_store.node.add_dependency(upload)

cdk.CfnOutput(stack, "TrustStoreArn", value=trust_store.trust_store_arn)
app.synth()
