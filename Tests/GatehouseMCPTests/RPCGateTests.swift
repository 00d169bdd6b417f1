import GatehouseCore
import Testing

@testable import GatehouseMCP

/// What the gate reads in a body, and what it refuses because another reader could read it otherwise.
@Suite struct RPCGateTests {
    @Test func `a call is read with its id as written, its target and its arguments`() throws {
        let body =
            #" { "params" : {"arguments": {"q": [1, "a"]} , "name":"search"}, "method":"tools/call","id": "a-1" ,"jsonrpc":"2.0"} "#
        #expect(
            try Bodies.read(body)
                == [Reading(.request, id: #""a-1""#, "tools/call", "search", arguments: #"{"q": [1, "a"]}"#)]
        )
    }

    @Test(arguments: ["0", "-7", "9007199254740991", #""""#, #""0""#, #""\u00e9\n""#])
    func `an id stays as it is written`(id: String) throws {
        #expect(
            try Bodies.read(#"{"jsonrpc":"2.0","id":\#(id),"method":"ping"}"#) == [Reading(.request, id: id, "ping")]
        )
    }

    @Test(arguments: [
        "1.0", "1e3", "-0", "9007199254740992", "-9007199254740992", "99999999999999999999", "true", "[1]", "{}",
        "null",
        #""\#(String(repeating: "x", count: 300))""#,
    ])
    func `an id that readers could hold differently is refused`(id: String) {
        let fault = Bodies.fault(#"{"jsonrpc":"2.0","id":\#(id),"method":"ping"}"#)
        #expect(fault == (id == "null" ? .shape : .id))
    }

    @Test func `notifications and responses are told from requests`() throws {
        #expect(
            try Bodies.read(#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#)
                == [Reading(.notification, "notifications/initialized")]
        )
        #expect(try Bodies.read(#"{"jsonrpc":"2.0","id":5,"result":{}}"#) == [Reading(.response, id: "5")])
        let error = #"{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"x"}}"#
        #expect(try Bodies.read(error) == [Reading(.response, id: "null")])
    }

    @Test(arguments: [
        (#"{"jsonrpc":"2.0","method":"prompts/get","params":{"name":"p","arguments":{}}}"#, "p"),
        (#"{"jsonrpc":"2.0","method":"resources/read","params":{"uri":"memo:\/\/one","name":"x"}}"#, "memo://one"),
        (#"{"jsonrpc":"2.0","method":"resources/subscribe","params":{"uri":"u"}}"#, "u"),
        (#"{"jsonrpc":"2.0","method":"tools\/call","params":{"name":"d\u0065lete"}}"#, "delete"),
    ])
    func `the target is what the method calls for, escapes resolved`(body: String, target: String) throws {
        #expect(try Bodies.read(body).map(\.target) == [target])
    }

    @Test(arguments: [
        #"{"jsonrpc":"2.0","method":"x/y","params":[1,2]}"#, #"{"jsonrpc":"2.0","method":"ping","params":null}"#,
        #"{"jsonrpc":"2.0","method":"logging/setLevel","params":{"level":"debug","_meta":{"name":1,"name":2}}}"#,
        #"{"jsonrpc":"2.0","method":"x","params":{"name":5,"uri":[]},"extra":{}}"#,
    ])
    func `what no grant speaks of passes`(body: String) {
        #expect(Bodies.fault(body) == nil)
    }

    @Test(arguments: [
        (#","method":"ping""#, "duplicateMember"), (#","id":2"#, "duplicateMember"),
        (#","x":1,"x":1"#, "duplicateMember"),
        (#","jsonrpc":"2.0""#, "duplicateMember"), (#","params":{}"#, "duplicateMember"),
        (#","x":1,"\u0078":1"#, "duplicateMember"),
    ])
    func `a member that stands twice is refused`(rest: String, code: String) {
        #expect(Bodies.fault(Bodies.call(rest)) == .json(code))
    }

    @Test(arguments: [
        #","Method":"ping""#, #","METHOD":"ping""#, #","m\u0065thod":"ping""#, #","ID":2"#, #","method\u0000":"ping""#,
        #","Params":{}"#, #","param\u017f":{}"#, #","paramſ":{}"#, #","JsonRPC":"2.0""#, #","\u0000":1"#,
        #","Result":1"#,
    ])
    func `a name that could be taken for one that matters is refused`(rest: String) {
        #expect(Bodies.fault(Bodies.call(rest)) == .lookalike)
    }

    @Test(arguments: [
        #"{"name":"search","Name":"delete"}"#, #"{"name":"search","n\u0061me":"delete"}"#,
        #"{"name":"search","name\u0000":"x"}"#, #"{"name":"search","Arguments":{}}"#,
        #"{"name":"search","ARGUMENTſ":{}}"#,
        #"{"name":"search","URI":"x"}"#,
    ])
    func `the same within params`(params: String) {
        #expect(Bodies.fault(Bodies.call("", params: params)) == .lookalike)
    }

    @Test func `duplicates within params are refused, within arguments not`() {
        #expect(Bodies.fault(Bodies.call("", params: #"{"name":"a","name":"b"}"#)) == .json("duplicateMember"))
        #expect(Bodies.fault(Bodies.call("", params: #"{"name":"a","arguments":{"x":1,"x":2}}"#)) == nil)
    }

    @Test(arguments: [
        "Tools/Call", "TOOLS/LIST", "tools/call\\u0000", "tools/call ", " tools/call", "tools/call\\n", "prompts/GET",
        "reſources/read", "tools/ca\\u004cl",
    ])
    func `a method that could be taken for one that grants speak of is refused`(method: String) {
        #expect(Bodies.fault(#"{"jsonrpc":"2.0","id":1,"method":"\#(method)","params":{"name":"x"}}"#) == .method)
    }

    @Test(arguments: [
        #"{}"#, #"{"name":5}"#, #"{"name":""}"#, #"{"name":null}"#, "[]", "null", #""x""#, #"{"name":"a\u0000b"}"#,
        #"{"uri":"x"}"#, #"{"name":"\#(String(repeating: "x", count: 9000))"}"#,
    ])
    func `a call without a plain target is refused`(params: String) {
        #expect(Bodies.fault(Bodies.call("", params: params)) == .parameters)
    }

    @Test(arguments: [
        #"{"id":1,"method":"ping"}"#, #"{"jsonrpc":"1.0","id":1,"method":"ping"}"#,
        #"{"jsonrpc":2.0,"id":1,"method":"ping"}"#,
        #"{"jsonrpc":"2.0 ","id":1,"method":"ping"}"#,
    ])
    func `only version 2`(body: String) {
        #expect(Bodies.fault(body) == .version)
    }

    @Test(arguments: [
        #"{"jsonrpc":"2.0"}"#, #"{"jsonrpc":"2.0","id":1}"#, #"{"jsonrpc":"2.0","id":1,"result":1,"error":{}}"#,
        #"{"jsonrpc":"2.0","result":1}"#, #"{"jsonrpc":"2.0","id":1,"method":"ping","result":1}"#, "5", #""x""#, "null",
    ])
    func `neither request nor notification nor response is refused`(body: String) {
        #expect(Bodies.fault(body) == .shape)
    }

    @Test(arguments: [
        "", " ", "{", #"{"jsonrpc":"2.0","id":1,"method":"ping"}x"#, #"{"jsonrpc":"2.0","id":1,"method":"ping",}"#,
        #"{"jsonrpc":"2.0","id":1,"method":"ping"}{}"#, #"{'jsonrpc':"2.0"}"#,
        #"{"jsonrpc":"2.0","id":01,"method":"ping"}"#,
        #"{"jsonrpc":"2.0","id":1,"method":"ping"/*x*/}"#, "\u{FEFF}{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}",
        #"{"jsonrpc":"2.0","id":1,"method":"p\ud800ing"}"#, #"{"jsonrpc":"2.0","id":1,"method":"ping","x":NaN}"#,
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"x\":\(String(repeating: "[", count: 70))\(String(repeating: "]", count: 70))}",
    ])
    func `what is no strict JSON is refused`(body: String) {
        guard case .json? = Bodies.fault(body) else {
            // An empty body or another kind of value is no message either.
            #expect(Bodies.fault(body) == .shape)
            return
        }
    }

    @Test func `bytes that are no UTF-8 are refused`() {
        let bytes = Array(#"{"jsonrpc":"2.0","id":1,"method":"ping","x":""#.utf8) + [0xC0, 0x80] + Array(#""}"#.utf8)
        #expect(throws: RPCFault.self) { try Bodies.read(bytes) }
        let wide: [UInt8] = #"{"jsonrpc":"2.0","id":1,"method":"ping"}"#.utf8.flatMap { [$0, 0] as [UInt8] }
        #expect(throws: RPCFault.self) { try Bodies.read(wide) }
    }

    // MARK: - Batches

    private static let ping = #"{"jsonrpc":"2.0","id":1,"method":"ping"}"#
    private static let other = #"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"t"}}"#

    @Test func `a batch is read element by element, where there are batches`() throws {
        let notification = #"{"jsonrpc":"2.0","method":"notifications/cancelled"}"#
        let batch = "[\(Self.ping), \(Self.other),\(notification)]"
        #expect(
            try Bodies.read(batch) == [
                Reading(.request, id: "1", "ping"), Reading(.request, id: "2", "tools/call", "t"),
                Reading(.notification, "notifications/cancelled"),
            ]
        )
        #expect(Bodies.fault(batch, allowsBatch: false) == .batch)
    }

    @Test func `what a batch may not be`() {
        let response = #"{"jsonrpc":"2.0","id":9,"result":{}}"#
        let initialize = #"{"jsonrpc":"2.0","id":9,"method":"initialize","params":{}}"#
        #expect(Bodies.fault("[]") == .batch)
        #expect(Bodies.fault("[[\(Self.ping)]]") == .batch)
        #expect(Bodies.fault("[\(Self.ping),5]") == .batch)
        #expect(Bodies.fault("[\(Self.ping),\(response)]") == .batch)
        #expect(Bodies.fault("[\(response),\(Self.ping)]") == .batch)
        #expect(Bodies.fault("[\(initialize)]") == .batch)
        #expect(Bodies.fault("[\(Self.ping),\(Self.ping)]") == .id)
        let many = (0...RPCGate.maximumBatch).map { #"{"jsonrpc":"2.0","id":\#($0),"method":"ping"}"# }
        #expect(Bodies.fault("[\(many.joined(separator: ","))]") == .batch)
        #expect(Bodies.fault("[\(many.dropLast().joined(separator: ","))]") == nil)
        #expect(Bodies.fault("[\(Self.ping)]]") != nil)
    }

    // MARK: - Permits

    @Test(
        arguments: [
            (#"{"ref":{"type":"ref/prompt","name":"get_a"},"argument":{"name":"x","value":"v"}}"#, nil),
            (
                #"{"argument":{"name":"get_a","value":"v"},"ref":{"name":"b","type":"ref/prompt","uri":"memo://1"}}"#,
                .promptDenied
            ),
            (#"{"ref":{"type":"ref/prompt","name":"get_a","title":"b"},"name":"b"}"#, nil),
            (#"{"ref":{"type":"ref\/resource","uri":"memo://{id}"}}"#, nil),
            (#"{"ref":{"type":"ref/resource","uri":"{scheme}://x"}}"#, nil),
            (#"{"ref":{"type":"ref/resource","uri":"memo://1","name":"b"}}"#, nil),
            (#"{"ref":{"type":"ref/resource","uri":"file:///{path}"}}"#, .resourceDenied),
            (#"{"ref":{"type":"ref/resource","uri":"file:///a","name":"get_a"}}"#, .resourceDenied),
            (#"{"ref":{"type":"ref/tool","name":"get_a"}}"#, .promptDenied),
            (#"{"ref":{"type":"Ref/Prompt","name":"get_a"}}"#, .promptDenied),
        ] as [(String, Reason?)]
    )
    func `a completion is asked of the grants by what it refers to`(params: String, refusal: Reason?) throws {
        let body = #"{"jsonrpc":"2.0","id":1,"params":\#(params),"method":"completion/complete"}"#
        #expect(try Self.refusal(body, Bodies.permits(["get_*", "memo://*"])) == refusal)
        // Whom nothing limits may complete also what is not known here.
        #expect(try Self.refusal(body, Permits(.everyone, of: .nobody)) == nil)
    }

    @Test(arguments: [
        "{}", "[]", "null", #"{"ref":5}"#, #"{"ref":null}"#, #"{"ref":{}}"#, #"{"ref":{"type":5,"name":"get_a"}}"#,
        #"{"ref":{"type":"ref/prompt"}}"#, #"{"ref":{"type":"ref/prompt","name":""}}"#,
        #"{"ref":{"type":"ref/resource","name":"get_a"}}"#, #"{"ref":{"type":"ref/prompt","name":"get_a\u0000"}}"#,
    ])
    func `a completion that refers to nothing clearly is refused`(params: String) {
        #expect(
            Bodies.fault(#"{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":\#(params)}"#) == .parameters
        )
    }

    @Test func `a reference that two readers could read differently is refused, where it is one`() {
        func fault(_ method: String, _ ref: String) -> RPCFault.Code? {
            Bodies.fault(#"{"jsonrpc":"2.0","id":1,"method":"\#(method)","params":{"name":"a","ref":\#(ref)}}"#)
        }
        for (ref, code) in [
            (#"{"type":"ref/prompt","name":"a","Name":"b"}"#, .lookalike),
            (#"{"type":"ref/prompt","t\u0079pe":"b"}"#, .lookalike),
            (#"{"type":"ref/prompt","name":"a","name":"b"}"#, .json("duplicateMember")),
        ] as [(String, RPCFault.Code)] {
            #expect(fault("completion/complete", ref) == code)
            #expect(fault("x/y", ref) == nil)
        }
        #expect(Bodies.fault(Bodies.call("", params: #"{"name":"a","Ref":{}}"#)) == .lookalike)
        #expect(fault("Completion/complete", "{}") == .method)
        #expect(fault("resources/templates/List", "{}") == .method)
    }

    private static func refusal(_ body: String, _ permits: Permits) throws -> Reason? {
        try Array(body.utf8).withUnsafeBytes { bytes in
            guard case .single(let message) = try RPCGate.scan(bytes, allowsBatch: false) else { return nil }
            return message.refusal(by: permits, in: bytes)
        }
    }

    @Test func `only calls are denied, and only those that no glob matches`() throws {
        let permits = Bodies.permits(["get_*", "memo://*"])
        func refusal(_ method: String, _ params: String) throws -> Reason? {
            try Self.refusal(#"{"jsonrpc":"2.0","id":1,"method":"\#(method)","params":\#(params)}"#, permits)
        }
        #expect(try refusal("tools/call", #"{"name":"get_doc"}"#) == nil)
        #expect(try refusal("tools/call", #"{"name":"g\u0065t_doc"}"#) == nil)
        #expect(try refusal("tools/call", #"{"name":"delete"}"#) == .toolDenied)
        #expect(try refusal("tools/call", #"{"name":"Get_doc"}"#) == .toolDenied)
        #expect(try refusal("prompts/get", #"{"name":"delete"}"#) == .promptDenied)
        #expect(try refusal("resources/read", #"{"uri":"file:///etc"}"#) == .resourceDenied)
        #expect(try refusal("resources/subscribe", #"{"uri":"file:///etc"}"#) == .resourceDenied)
        #expect(try refusal("resources/read", #"{"uri":"memo://1"}"#) == nil)
        for method in [
            "initialize", "notifications/initialized", "server/discover", "ping", "delete", "tools/list", "x/y",
        ] {
            #expect(try refusal(method, #"{"name":"delete"}"#) == nil)
        }
    }
}
