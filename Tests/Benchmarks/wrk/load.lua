-- One kind of request, or the same with an assertion of many in turn. Set by environment variables:
--   ASSERTIONS  a file with one assertion a line      METHOD, UPLOAD (bytes), CLOSE=1
--   CALL        bytes of a tools/call that is padded     TOKENS  how many of the file's lines are used
local body = '{"jsonrpc":"2.0","id":17,"method":"tools/call","params":{"name":"list_rows","arguments":{"docId":"AbCDeFGH",' ..
  '"tableIdOrName":"grid-pqRst-U","limit":25,"query":"status:open","useColumnNames":true,"pageToken":"eyJsaW1pdCI6MjUsIm9mZnNldCI6MH0"}}}'
local call = '{"jsonrpc":"2.0","id":17,"method":"tools/call","params":{"name":"list_rows","arguments":{"query":"'
local method = os.getenv("METHOD") or "POST"
local upload = tonumber(os.getenv("UPLOAD") or "0")
local size = tonumber(os.getenv("CALL") or "0")
local tokens = tonumber(os.getenv("TOKENS") or "1000000")
if method == "GET" then body = nil elseif upload > 0 then body = string.rep("x", upload)
elseif size > 0 then body = call .. string.rep("x", size - #call - 4) .. '"}}}' end

local function headers(assertion)
  return {
    ["Host"] = "mcp.example.com", ["Content-Type"] = "application/json",
    ["Accept"] = "application/json, text/event-stream", ["Mcp-Protocol-Version"] = "2025-06-18",
    ["User-Agent"] = "claude-user/1.0", ["Cf-Ray"] = "8f2b1c3d4e5f6071-FRA", ["Cf-Connecting-Ip"] = "203.0.113.9",
    ["X-Forwarded-For"] = "203.0.113.9", ["X-Forwarded-Proto"] = "https",
    ["Authorization"] = "Bearer client-supplied-to-be-stripped", ["Cf-Access-Jwt-Assertion"] = assertion,
    ["Connection"] = os.getenv("CLOSE") == "1" and "close" or nil,
  }
end

local requests, count, next = {}, 0, 0

function init(arguments)
  for line in assert(io.open(os.getenv("ASSERTIONS"))):lines() do
    if count == tokens then break end
    count = count + 1
    requests[count] = wrk.format(method, nil, headers(line), body)
  end
end

function request()
  next = next % count + 1
  return requests[next]
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format(
    'RESULT {"requests":%d,"us":%d,"socket_errors":%d,"refused":%d,"p50":%d,"p99":%d}\n',
    summary.requests, summary.duration, e.connect + e.read + e.write + e.timeout, e.status,
    latency:percentile(50), latency:percentile(99)))
end
