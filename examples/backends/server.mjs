// A Node.js server that accepts the API Gateway client certificates in a PEM file and no others.
//
// node server.mjs trusted-clients.pem server.pem server.key [port]
//
// It loads the files again on SIGHUP. trusted_clients.py writes the PEM file;
// docs/how-to/trust.md explains it.
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:https";

const [trusted, certificate, key, port = "8443"] = process.argv.slice(2);
let fingerprints;

function loadFiles() {
  const pems = readFileSync(trusted, "utf8").match(/-----BEGIN .+?-----END CERTIFICATE-----/gs);
  if (pems === null) throw new Error(`${trusted} has no certificate`);
  const files = { cert: readFileSync(certificate), key: readFileSync(key), ca: pems };
  fingerprints = new Set(pems.map((pem) => new X509Certificate(pem).fingerprint256));
  return files;
}

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
    ...loadFiles(),
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
process.on("SIGHUP", () => {
  try {
    server.setSecureContext(loadFiles());
  } catch (error) {
    console.error(`the files were not loaded: ${error.message}`);
  }
});
server.listen(Number(port), "127.0.0.1");
