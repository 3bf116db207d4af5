// What Lambda's Node runtime does, and no more: load the handler, call it for each event.
//
// `node runtime.cjs <file> <function>` reads an event a line, and answers with `done` a line.
const https = require("https");

// CDK's handlers answer to port 443 whatever the ResponseURL says; the fake has another one.
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
