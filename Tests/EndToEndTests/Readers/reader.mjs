// Reads JSON-RPC bodies as a server in Node would: JSON.parse, and WHATWG's URL. Answers as reader.py does.
import { createInterface } from "node:readline";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function folded(text) {
  return text.normalize("NFKC").replace(/[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]/g, "").trim().replace(/^\0+|\0+$/g, "").toLowerCase();
}

function readings(uri) {
  try {
    return [new URL(uri).href];
  } catch {
    return [];
  }
}

function targets(method, params) {
  if (params === null || typeof params !== "object") return [];
  let found = [];
  if (method === "tools/call" || method === "prompts/get") found = [params.name];
  else if (method === "resources/read" || method === "resources/subscribe") found = [params.uri];
  else if (method === "completion/complete") {
    const type = params.ref?.type;
    found = [type === "ref/prompt" ? params.ref.name : type === "ref/resource" ? params.ref.uri : undefined];
  } else if (method === "subscriptions/listen") {
    found = params.notifications?.resourceSubscriptions ?? [];
    if (!Array.isArray(found)) found = [];
  }
  return found.filter((text) => typeof text === "string");
}

function identity(value) {
  return typeof value === "string" ? "s:" + value : "i:" + JSON.stringify(value);
}

function message(value) {
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw new TypeError("no message");
  if (typeof value.method !== "string") return { method: null, id: identity(value.id ?? null) };
  const found = targets(folded(value.method), value.params);
  return {
    method: value.method,
    folded: folded(value.method),
    id: "id" in value ? identity(value.id) : null,
    targets: found,
    names: found.map(folded),
    forms: found.map(readings),
  };
}

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  let read = null;
  try {
    const body = JSON.parse(decoder.decode(Buffer.from(line, "base64")));
    read = (Array.isArray(body) ? body : [body]).map(message);
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof TypeError)) throw error;
  }
  process.stdout.write(JSON.stringify(read) + "\n");
}
