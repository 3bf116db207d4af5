"""Attach a certificate to the stage of a WebSocket API."""

from dataclasses import dataclass

from tests.e2e.support import ScenarioContext, scenario


@dataclass(frozen=True)
class Deployed:
    """The certificate, and the one that the stage presents."""

    certificate: str
    presented: str


@scenario
def websocket(context: ScenarioContext) -> Deployed:
    app = context.example("websocket_api.py")
    app.deploy()
    v2 = context.aws.client("apigatewayv2")
    [api] = [it["ApiId"] for it in v2.get_apis()["Items"] if it["Name"] == "Chat"]
    stage = v2.get_stage(ApiId=api, StageName="prod")
    certificate = context.certificate_of("WebSocketApi")["clientCertificateId"]
    app.destroy()
    return Deployed(certificate, stage["ClientCertificateId"])


def test_websocket_stage_presents_the_certificate(websocket: Deployed) -> None:
    assert websocket.presented == websocket.certificate
