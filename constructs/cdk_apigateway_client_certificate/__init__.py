"""API Gateway client certificates for the AWS CDK, with the PEM that backends need to trust."""

from ._provider import ClientCertificateProvider
from .client_certificate import ClientCertificate, IClientCertificate
from .rotating_client_certificate import RotatingClientCertificate
from .stack import ClientCertificateStack

__all__ = [
    "ClientCertificate",
    "ClientCertificateProvider",
    "ClientCertificateStack",
    "IClientCertificate",
    "RotatingClientCertificate",
]
