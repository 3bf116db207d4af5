// The least that Lambda's Node.js runtime does: load the handler, and call it for each event.
//
// `node runtime.cjs <file> <function>` reads one event per line, and writes `done` after each.
const https = require("https");

// CDK's handlers respond to port 443, whatever the ResponseURL says. The fake has another port.
const request = https.request;
https.request = (options, ...rest) =>
  request({ ...options, port: process.env.RESPONSE_PORT }, ...rest);

const [file, name] = process.argv.slice(2);
const handler = require(file)[name];
for (const level of ["log", "info"]) console[level] = console.error;

require("readline")
  .createInterface({ input: process.stdin })
  .on("line", async (line) => {
    await handler(JSON.parse(line), { logStreamName: "stream" });
    process.stdout.write("done\n");
  });
