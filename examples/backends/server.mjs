// A Node.js server that accepts the API Gateway client certificates in a PEM file and no others.
//
// node server.mjs trusted-clients.pem server.pem server.key [port]
//
// trusted_clients.py writes the PEM file; docs/trust.md explains it.
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:https";

const [trusted, certificate, key, port = "8443"] = process.argv.slice(2);
const pems = readFileSync(trusted, "utf8").match(/-----BEGIN .+?-----END CERTIFICATE-----/gs) ?? [];
const fingerprints = new Set(pems.map((pem) => new X509Certificate(pem).fingerprint256));

function isTrusted(client) {
  const now = Date.now();
  return (
    client !== undefined &&
    fingerprints.has(client.fingerprint256) &&
    Date.parse(client.validFrom) <= now &&
    now <= Date.parse(client.validTo)
  );
}

const server = createServer(
  {
    cert: readFileSync(certificate),
    key: readFileSync(key),
    ca: pems,
    requestCert: true,
    // "true" would accept only one of several certificates with the same name: isTrusted decides.
    rejectUnauthorized: false,
  },
  (request, response) => response.end("hello, API Gateway\n"),
);
// Before the connection is used for HTTP, so that it holds for every request and for WebSockets.
server.prependListener("secureConnection", (socket) => {
  if (!isTrusted(socket.getPeerX509Certificate())) socket.destroy();
});
server.listen(Number(port), "127.0.0.1");
