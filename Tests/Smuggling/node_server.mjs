// A server of Node's http that writes each request that arrives whole on stdout, a line of JSON each.
//
//   node_server.mjs PORT
import { METHODS, createServer } from "node:http";

const tell = (told) => process.stdout.write(JSON.stringify(told) + "\n");
let number = 0;

const server = createServer({ insecureHTTPParser: true, maxHeaderSize: 1 << 17, requireHostHeader: false, keepAliveTimeout: 60_000 }, (request, response) => {
    const pieces = [];
    request.on("data", (piece) => pieces.push(piece));
    request.on("error", () => {});
    request.on("end", () => {
        const fields = [];
        const raw = [...request.rawHeaders, ...request.rawTrailers];
        for (let at = 0; at < raw.length; at += 2) fields.push([raw[at], raw[at + 1]]);
        number += 1;
        tell({ number, method: request.method, path: request.url, fields, body: Buffer.concat(pieces).toString("latin1") });
        response.writeHead(200, { "Content-Type": "application/json", "X-Arrival": String(number), "Content-Length": "2" });
        response.end(request.method === "HEAD" ? "" : "{}");
    });
});
server.on("clientError", (error, socket) => {
    // An upstream request that is given up ends in the midst of its body.
    const [method] = error.rawPacket?.toString("latin1").split(" ", 1) ?? [];
    // PRI is the beginning of HTTP/2, and reserved to it.
    const isUnknown = method === "PRI" || (error.code === "HPE_INVALID_METHOD" && !METHODS.includes(method));
    if (!isUnknown && !["ECONNRESET", "EPIPE", "HPE_INVALID_EOF_STATE"].includes(error.code)) tell({ fault: `${error.code}: ${error.rawPacket?.toString("latin1").slice(0, 300)}` });
    socket.destroy();
});
server.on("connect", (request, socket) => {
    tell({ fault: `a CONNECT arrived: ${request.url}` });
    socket.destroy();
});
process.stdin.on("end", () => process.exit(0)).resume();
server.listen(Number(process.argv[2]), "127.0.0.1");
