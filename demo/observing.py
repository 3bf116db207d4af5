"""Reads the state of a rotation from an account."""

from collections.abc import Mapping, Sequence

from cryptography import x509

from lambda_handler.contract import Metric, OwnTag
from local_aws import LocalAws

from .caller import Calls, Stage
from .timeline import Generation, Moment


def observe(
    aws: LocalAws, parameter: str, stages: Sequence[Stage], calls: Mapping[str, Calls]
) -> Moment:
    """Return the current state of the only rotation in an account.

    Args:
        aws: The account.
        parameter: The name of its trust bundle.
        stages: Its stages.
        calls: The calls since the previous moment, by the stage's name.
    """
    gateway = aws.client("apigateway")
    issued = {
        it["clientCertificateId"]: it
        for it in gateway.get_client_certificates()["items"]
        if OwnTag.GENERATION in it.get("tags", {})
    }
    numbers = {id: int(it["tags"][OwnTag.GENERATION]) for id, it in issued.items()}
    by_certificate = {
        x509.load_pem_x509_certificate(it["pemEncodedCertificate"].encode()): numbers[id]
        for id, it in issued.items()
    }
    bundle: str = aws.client("ssm").get_parameter(Name=parameter)["Parameter"]["Value"]
    presents = {
        stage.name: gateway.get_stage(restApiId=stage.api_id, stageName=stage.stage).get(
            "clientCertificateId"
        )
        for stage in stages
    }
    alarms = {
        it["MetricName"]: it["StateValue"]
        for it in aws.client("cloudwatch").describe_alarms()["MetricAlarms"]
    }
    return Moment(
        time=aws.now(),
        generations=[
            Generation(numbers[id], it["createdDate"], it["expirationDate"])
            for id, it in sorted(issued.items(), key=lambda it: numbers[it[0]])
        ],
        bundle=[by_certificate[it] for it in x509.load_pem_x509_certificates(bundle.encode())],
        presents={name: numbers[id] for name, id in presents.items() if id in numbers},
        calls=calls,
        held=alarms[Metric.ROTATION_HELD] == "ALARM",
    )
