"""Deploy the example of a rotating certificate, whose first certificate the backend trusts."""

from dataclasses import dataclass

from demo.backend import GREETING, Backend
from tests.e2e.support import ScenarioContext, scenario

STACK = "Rotating"
PARAMETER = "/orders/trusted-clients"


@dataclass(frozen=True)
class Deployed:
    """The account after the deploy, and what the destroy left behind."""

    certificate: str
    pem: str
    presented: str
    bundle: str
    response: tuple[int, bytes]
    alarms: int
    left_certificates: list[str]
    left_parameters: list[str]


@scenario
def rotating(context: ScenarioContext) -> Deployed:
    ssm = context.aws.client("ssm")
    unused = context.generate()
    with Backend(*context.server_files[1:], unused["pemEncodedCertificate"]) as backend:
        app = context.example("rotating.py")
        app.deploy(backend=backend.url)
        api = app.outputs(STACK)["ApiId"]
        stage = context.gateway.get_stage(restApiId=api, stageName="prod")
        bundle = ssm.get_parameter(Name=PARAMETER)["Parameter"]["Value"]
        backend.trust(bundle)
        response = context.aws.invoke(api, "prod")
        certificate = context.certificate_of(STACK)
        cloudwatch = context.aws.client("cloudwatch")
        alarms = cloudwatch.describe_alarms(AlarmNamePrefix=STACK)["MetricAlarms"]
        app.destroy()
    context.delete(unused["clientCertificateId"])
    return Deployed(
        certificate=certificate["clientCertificateId"],
        pem=certificate["pemEncodedCertificate"],
        presented=stage["clientCertificateId"],
        bundle=bundle,
        response=response,
        alarms=len(alarms),
        left_certificates=[it["clientCertificateId"] for it in context.certificates_of(STACK)],
        left_parameters=[
            it["Name"] for it in ssm.describe_parameters()["Parameters"] if it["Name"] == PARAMETER
        ],
    )


def test_the_deploy_publishes_and_attaches_the_first_certificate(rotating: Deployed) -> None:
    assert rotating.presented == rotating.certificate
    assert rotating.bundle.split() == rotating.pem.split()
    assert rotating.response == (200, GREETING)
    assert rotating.alarms == 3


def test_the_destroy_leaves_nothing(rotating: Deployed) -> None:
    assert rotating.left_certificates == rotating.left_parameters == []
