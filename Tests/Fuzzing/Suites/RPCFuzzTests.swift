import GatehouseTestSupport
import Testing

/// Bodies bent at random, read by the gate and by Foundation's reader: what the gate lets pass, the other reads the same.
@Suite struct RPCFuzzTests {
    private static let seeds = [
        #"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_doc","arguments":{"a":[1,2.5e3,"x\n\u00e9"]}}}"#,
        #"{"jsonrpc":"2.0","id":"abc","method":"resources/read","params":{"uri":"memo://one","_meta":{"t":null}}}"#,
        #"{"jsonrpc":"2.0","id":3,"method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":"p"},"argument":{}}}"#,
        #"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
        #"{"jsonrpc":"2.0","id":7,"result":{"content":[{"type":"text","text":"hi"}],"isError":false}}"#,
        #"[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":2,"method":"prompts/get","params":{"name":"p"}}]"#,
    ]
    private static let words = [
        "\"", "\\", "{", "}", "[", "]", ",", ":", "null", "\"name\":\"delete\",", "\"Method\":1,", "\\u0000", "\\u006d",
        "\"id\":2,", " ", "\n", "0", "-", "e", "é", "\u{0}", "\"method\":\"ping\",",
    ]

    @Test func `what passes is read the same by another reader`() throws {
        var random = SplitMix(seed: 0x5EED)
        var passed = 0
        for _ in 0..<20_000 {
            var body = Array(Self.seeds.randomElement(using: &random)!.utf8)
            for _ in 0..<Int.random(in: 0...2, using: &random) { Self.bend(&body, &random) }
            if try FuzzTarget.rpc.check(body) { passed += 1 }
        }
        // A test in which nothing passes tells nothing.
        #expect(passed > 2000)
    }

    private static func bend(_ body: inout [UInt8], _ random: inout SplitMix) {
        let place = Int.random(in: 0..<max(1, body.count), using: &random)
        switch Int.random(in: 0..<5, using: &random) {
        case 0: body.insert(contentsOf: words.randomElement(using: &random)!.utf8, at: min(place, body.count))
        case 1 where !body.isEmpty: body.remove(at: place)
        case 2 where !body.isEmpty: body[place] = UInt8.random(in: 0...255, using: &random)
        case 3 where !body.isEmpty: body[place] ^= 0x20
        case _:
            let end = min(body.count, place + Int.random(in: 0..<16, using: &random))
            body.insert(contentsOf: body[min(place, end)..<end], at: min(place, body.count))
        }
    }
}
