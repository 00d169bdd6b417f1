/// Messages that a client of an MCP server sends and gets.
enum Samples {
    static let now: Int64 = 1_795_520_000
    static let issuer = "https://example.cloudflareaccess.com"
    static let audience = "4714c1358e65fe4b408ad6d432a5f878f08194bdb4752441fd56faefa9b2b6f2"

    static let claims = Array(
        """
        {"aud":["\(audience)"],"email":"ops@example.com","exp":1795600000,"iat":1795513600,"nbf":1795513600,\
        "iss":"\(issuer)","type":"app","identity_nonce":"Zk9yd2FyZHM",\
        "sub":"7335d417-61da-459d-899c-0a01c76a2f94","country":"DE"}
        """.utf8
    )

    /// These claims, signed once with a key that nobody has any more.
    static let assertion = Array(
        """
        eyJhbGciOiJSUzI1NiIsImtpZCI6IjhlZjFjMiIsInR5cCI6IkpXVCJ9.eyJhdWQiOlsiNDcxNGMxMzU4ZTY1ZmU0YjQwOGFkNmQ\
        0MzJhNWY4NzhmMDgxOTRiZGI0NzUyNDQxZmQ1NmZhZWZhOWIyYjZmMiJdLCJlbWFpbCI6Im9wc0BleGFtcGxlLmNvbSIsImV4cCI\
        6MTc5NTYwMDAwMCwiaWF0IjoxNzk1NTEzNjAwLCJuYmYiOjE3OTU1MTM2MDAsImlzcyI6Imh0dHBzOi8vZXhhbXBsZS5jbG91ZGZ\
        sYXJlYWNjZXNzLmNvbSIsInR5cGUiOiJhcHAiLCJpZGVudGl0eV9ub25jZSI6IlprOXlkMkZ5WkhNIiwic3ViIjoiNzMzNWQ0MTc\
        tNjFkYS00NTlkLTg5OWMtMGEwMWM3NmEyZjk0IiwiY291bnRyeSI6IkRFIn0.DjQpvaceNyQyhyMehtTl9wEyCmAPeMz83LGazvd\
        6UqLIQ6ryTyTEqHQIO5408-daElbDAP9pHPxMgL0e5h32510fZ5QpZlYIWvpTmV8f5VJhca9Pg6y64ujvL8H_V0uQyk5CmCf3Kxo\
        UL8lLd1zEHb8VgX6c5kYJP9DbtFalJoxY7rDMplFoTQsipXYferMotnbjRyublzB6yWJI88kXKbPYuYiJGJegG28aNTmuk5XvYad\
        _3MLRRJGgJaAd5iHdWacN_1InjDXqc3W0dgqO4ayR4DEyIK_OzCLG-Y5vsArVlTuU8ST6cZZArL_umTQWDJjwqeWL26dZWWo4sgl\
        MqQ
        """.utf8
    )

    static let keys = Array(
        """
        {"keys":[{"kty":"RSA","alg":"RS256","use":"sig","kid":"8ef1c2","e":"AQAB","n":"\
        nVPQZh95Rn73r0CSpDGDys1onNBaURRzrndNqc_vHZ9OVaTG21NI-5tS6ZaDQWme4vXuiFyasUOilPWIshlmQr4l_-AYZmsEkv2c\
        3R0_UcejRGI9eBI3okqrVBuR3Y6PoBZA7dl6iYfyOD8Q7ih3xinb5VUVQ2PIB5WamPp8Odcqv0FJ6GO0WrJU3Ak-ZczjehpHLcsr\
        9XP-m2t8qAgwaiHSYaIJ9yGkVahUukzQWU-SHzhXPl9o4tqUnnK1gPorxGuIJmyGCQTJXCNeCg3sSgvFmHK94m_4dOzv5Ap5YXOc\
        pseJ4Xk8nZ9o6si8QePwROlLh9C2niFhLrJqBVMviQ\
        "}]}
        """.utf8
    )

    static let request = Array(
        """
        POST /mcp HTTP/1.1\r
        Host: mcp.example.com\r
        Content-Type: application/json\r
        Accept: application/json, text/event-stream\r
        Mcp-Protocol-Version: 2025-06-18\r
        User-Agent: claude-user/1.0\r
        Cf-Ray: 8f2b1c3d4e5f6071-FRA\r
        Cf-Connecting-Ip: 203.0.113.9\r
        X-Forwarded-For: 203.0.113.9\r
        X-Forwarded-Proto: https\r
        Authorization: Bearer client-supplied\r
        Cf-Access-Jwt-Assertion: \(String(decoding: assertion, as: UTF8.self))\r
        Content-Length: \(call.count)\r
        \r

        """.utf8
    )

    static let response = Array(
        """
        HTTP/1.1 200 OK\r
        Server: uvicorn\r
        Date: Tue, 24 Nov 2026 12:00:00 GMT\r
        Content-Type: application/json\r
        Mcp-Session-Id: 1868a90c7f344e1b9a2e6f1b5f3f4b11\r
        Content-Length: \(answer.count)\r
        \r

        """.utf8
    )

    static let call = Array(
        """
        {"jsonrpc":"2.0","id":17,"method":"tools/call","params":{"name":"list_rows","arguments":{"docId":"AbCDeFGH",\
        "tableIdOrName":"grid-pqRst-U","limit":25,"query":"status:open","useColumnNames":true},\
        "_meta":{"progressToken":17}}}
        """.utf8
    )

    /// The arguments of a call that adds many rows.
    static let rows: [UInt8] = {
        let row =
            #"{"cells":[{"column":"Title","value":"The quarter \u2013 a plan"},{"column":"done","value":false}],"row_id":null},"#
        return Array(
            (#"{"docId":"AbCDeFGH","rows":["# + String(repeating: row, count: (64 << 10) / row.utf8.count)
                + #"{}],"options":{"note":"x","dryRun":true},"key_columns":["Title"]}"#).utf8
        )
    }()

    static let batch = Array(
        """
        [{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"whoami","arguments":{}}},
        {"jsonrpc":"2.0","id":"two","method":"resources/read","params":{"uri":"coda://docs/AbCDeFGH"}},
        {"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":17,"progress":0.5}},
        {"jsonrpc":"2.0","id":4,"method":"tools/list"}]
        """.utf8
    )

    static let answer = Array(
        #"""
        {"jsonrpc":"2.0","id":17,"result":{"content":[{"type":"text","text":"{\"items\":[{\"id\":\"i-4sR\",\"name\":\#
        \"Ask for the key\",\"values\":{\"Status\":\"open\",\"Owner\":\"Ada Lovelace\",\"Due\":\"2026-11-30\"}}],\#
        \"href\":\"https://coda.io/apis/v1/docs/AbCDeFGH/tables/grid-pqRst-U/rows\"}"}],"isError":false}}
        """#.utf8
    )

    static let answerEvent = Array("event: message\r\ndata: ".utf8) + answer + Array("\r\n\r\n".utf8)

    /// Twenty tools, of which a grant on `list_*` shows five.
    static let list = Array(
        #"{"jsonrpc":"2.0","id":3,"result":{"tools":[\#((0..<20).map(tool).joined(separator: ","))]}}"#.utf8
    )

    private static func tool(_ number: Int) -> String {
        let verb = ["list", "read", "create", "delete"][number % 4]
        return #"""
            {"name":"\#(verb)_things_\#(number)","description":"What it does with \"things\", in the words of its maker.",\#
            "inputSchema":{"type":"object","properties":{"docId":{"type":"string"},"limit":{"type":"integer"}},\#
            "required":["docId"]},"annotations":{"readOnlyHint":true}}
            """#
    }

    /// Eight chunks of 128 bytes, and the last.
    static let chunks = Array(
        (String(repeating: "80\r\n\(String(repeating: "x", count: 128))\r\n", count: 8) + "0\r\n\r\n").utf8
    )
}
