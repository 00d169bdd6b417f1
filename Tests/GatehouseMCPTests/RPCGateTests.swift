import GatehouseCore
import Testing

@testable import GatehouseMCP

/// The gate's reading of bodies, and the bodies that it refuses because another reader could read them differently.
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
        (#"{"jsonrpc":"2.0","method":"resources/unsubscribe","params":{"uri":"u"}}"#, "u"),
        (#"{"jsonrpc":"2.0","method":"tools\/call","params":{"name":"d\u0065lete"}}"#, "delete"),
    ])
    func `the target is what the method calls for, escapes resolved`(body: String, target: String) throws {
        #expect(try Bodies.read(body).map(\.target) == [target])
    }

    @Test(arguments: [
        #"{"jsonrpc":"2.0","method":"x/y","params":[1,2]}"#, #"{"jsonrpc":"2.0","method":"ping","params":null}"#,
        #"{"jsonrpc":"2.0","method":"logging/setLevel","params":{"level":"debug","_meta":{"name":1,"name":2}}}"#,
        #"{"jsonrpc":"2.0","method":"x","params":{"name":5,"uri":[]},"extra":{}}"#,
        #"{"jsonrpc":"2.0","method":"x","params":{"Name":1,"URI":2,"REF":3,"n\u0061me":4,"a":1,"a":2,"Arguments":5}}"#,
        #"{"jsonrpc":"2.0","params":{"Name":1,"name":"\udead"},"method":"x"}"#,
        #"{"jsonrpc":"2.0","method":"ping","params":"x"}"#,
        #"{"jsonrpc":"2.0","method":"tools/list","params":{"Name":1}}"#,
        #"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","URI":"x","Uri":"y","REF":{},"_name":1}}"#,
        #"{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"a:b","Name":"x","ARGUMENTS":{}}}"#,
        #"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{"q":"\ud800","\udfff":1}}}"#,
        #"{"jsonrpc":"2.0","id":1,"result":{"text":"\ud800"}}"#,
        #"{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":"a","x":"\ud800"}}}"#,
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
        #"{"name":"search","na_me":"x"}"#, #"{"name":"search","name ":"x"}"#, #"{"name":"search","name\u200b":"x"}"#,
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
        "reſources/read", "tools/ca\\u004cl", "tools/call\u{A0}", "tools/call\u{FEFF}", "\u{2003}tools/call",
        "tools/call               ", "tools\u{200B}/call", "Subscriptions/Listen", "tools_/call",
    ])
    func `a method that could be taken for one that grants speak of is refused`(method: String) {
        #expect(Bodies.fault(#"{"jsonrpc":"2.0","id":1,"method":"\#(method)","params":{"name":"x"}}"#) == .method)
    }

    @Test(arguments: ["ｔools/call", "größe/messen", "x y", "tools/ｃａｌｌ", "𝐭ools/call", "prompts／get"])
    func `a method that some reader folds or trims is refused to whom anything is limited`(method: String) throws {
        let body = #"{"jsonrpc":"2.0","id":1,"method":"\#(method)","params":{"name":"x"}}"#
        #expect(try Self.refusal(body, Bodies.permits(["*"])) == .rpcMalformed)
        #expect(try Self.refusal(body, Permits(.everyone, of: .nobody)) == nil)
    }

    private static func nested(_ count: Int) -> String {
        String(repeating: "[", count: count) + String(repeating: "]", count: count)
    }

    @Test(arguments: [
        #"{}"#, #"{"name":5}"#, #"{"name":""}"#, #"{"name":null}"#, "[]", "null", #""x""#, "7",
        #"{"uri":"x"}"#, #"{"name":"\#(String(repeating: "x", count: 9000))"}"#,
        // The message and its params are the first two levels.
        #"{"name":"a","arguments":\#(nested(511))}"#, #"{"arguments":\#(nested(5000)),"name":"a"}"#,
        #"{"name":"a","_meta":\#(nested(600))}"#,
    ])
    func `a call without a target that could be looked up is refused to whom the kind is limited`(params: String) throws
    {
        for body in [
            Bodies.call("", params: params), #"{"params":\#(params),"method":"tools/call","id":1,"jsonrpc":"2.0"}"#,
            #"{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":\#(params)}"#,
        ] {
            #expect(try Self.refusal(body, Bodies.permits(["*"])) == .targetMalformed)
            #expect(try Self.refusal(body, Permits(.everyone, of: .nobody)) == nil)
        }
        // Someone who is limited in another kind only.
        let grant = Grant(users: [Glob("*")], serviceTokens: [], tools: nil, prompts: nil, resources: [])
        let permits = Permits(Policy(grants: [grant]), of: Principal(kind: .user, name: "ann@example.com"))
        #expect(try Self.refusal(Bodies.call("", params: params), permits) == nil)
    }

    @Test func `arguments nested as deep as 512 levels pass`() throws {
        for depth in [61, 62, 63, 64, 500, 510] {
            let body = Bodies.call("", params: #"{"name":"get_a","arguments":\#(Self.nested(depth))}"#)
            #expect(try Self.refusal(body, Bodies.permits(["get_*"])) == nil)
            #expect(try Bodies.read(body).first?.arguments == Self.nested(depth))
        }
        // One message of a batch that is deep makes no other malformed.
        let deep = #"{"jsonrpc":"2.0","id":2,"method":"x/y","params":\#(Self.nested(900))}"#
        let batch = "[\(deep),\(Bodies.call("", params: #"{"name":"get_a"}"#))]"
        let refused = try Array(batch.utf8).withUnsafeBytes { bytes in
            try RPCGate.scan(bytes, allowsBatch: true).contains {
                $0.refusal(by: Bodies.permits(["get_*"]), in: bytes) != nil
            }
        }
        #expect(!refused)
    }

    @Test(arguments: [
        (#"{"name":"a\ud800"}"#, "tools/call"), (#"{"uri":"a:\udfff"}"#, "resources/read"),
        (#"{"ref":{"type":"ref/prompt","name":"\ud800"}}"#, "completion/complete"), ("{}", "x\\ud800"),
        (#"{"notifications":{"resourceSubscriptions":["a:\ud800"]}}"#, "subscriptions/listen"),
    ])
    func `half a surrogate pair is refused in what is read`(params: String, method: String) {
        let body = #"{"jsonrpc":"2.0","id":1,"method":"\#(method)","params":\#(params)}"#
        #expect(Bodies.fault(body) == .json("invalidEscape"))
        #expect(Bodies.fault(#"{"jsonrpc":"2.0","id":"\ud800","method":"ping"}"#) == .json("invalidEscape"))
    }

    // MARK: - subscriptions/listen

    @Test func `more resources than may be asked of the grants are asked of none`() throws {
        func body(_ count: Int) -> String {
            let uris = (0..<count).map { #""memo://\#($0)""# }.joined(separator: ",")
            return #"{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{"notifications":"#
                + #"{"resourceSubscriptions":[\#(uris)]}}}"#
        }
        let permits = Bodies.permits(["memo:*"])
        #expect(try Self.refusal(body(RPCGate.maximumListenedResources), permits) == nil)
        #expect(try Self.refusal(body(RPCGate.maximumListenedResources + 1), permits) == .targetMalformed)
        #expect(try Self.refusal(body(100_000), Permits(.everyone, of: .nobody)) == nil)
    }

    @Test(
        arguments: [
            (#"{"notifications":{"resourceSubscriptions":["memo://1"]}}"#, "memo://1", nil),
            (#"{"notifications":{"resourceSubscriptions":["memo:\/\/1"]}}"#, "memo://1", nil),
            (
                #"{"notifications":{"toolsListChanged":true,"resourceSubscriptions":["memo://1", "memo://2"]}}"#,
                #"["memo://1", "memo://2"]"#, nil
            ),
            (
                #"{"notifications":{"resourceSubscriptions":["memo://1","file:///a"]}}"#, #"["memo://1","file:///a"]"#,
                .resourceDenied
            ),
            (#"{"notifications":{"resourceSubscriptions":["file:///a"]}}"#, "file:///a", .resourceDenied),
            (#"{"notifications":{"resourceSubscriptions":["memo://1/../2"]}}"#, "memo://1/../2", .resourceDenied),
            (
                #"{"notifications":{"resourceSubscriptions":["memo://1","memo:\/\/1\/%2e"]}}"#,
                #"["memo://1","memo:\/\/1\/%2e"]"#, .resourceDenied
            ),
            (#"{"notifications":{"resourceSubscriptions":[]}}"#, nil, nil),
            (#"{"notifications":{"resourceSubscriptions":null}}"#, nil, nil),
            (#"{"notifications":{"promptsListChanged":true}}"#, nil, nil), ("{}", nil, nil),
            (#"{"notifications":5}"#, nil, nil), (#"{"notifications":null}"#, nil, nil),
            (#"{"notifications":["memo://1"]}"#, nil, nil),
            (#"{"notifications":{"resourceSubscriptions":"memo://1"}}"#, nil, .targetMalformed),
            (#"{"notifications":{"resourceSubscriptions":[""]}}"#, nil, .targetMalformed),
            (#"{"notifications":{"resourceSubscriptions":[1]}}"#, nil, .targetMalformed),
            (#"{"notifications":{"resourceSubscriptions":["memo://1",1]}}"#, #"["memo://1",1]"#, .targetMalformed),
            (#"{"notifications":{"resourceSubscriptions":{"memo://1":1}}}"#, nil, .targetMalformed),
        ] as [(String, String?, Reason?)]
    )
    func `each resource that is listened to is asked of the grants`(params: String, target: String?, refusal: Reason?)
        throws
    {
        let body = #"{"jsonrpc":"2.0","id":1,"params":\#(params),"method":"subscriptions/listen"}"#
        #expect(try Bodies.read(body).first?.target == target)
        #expect(try Self.refusal(body, Bodies.permits(["memo://*"])) == refusal)
        #expect(try Self.refusal(body, Permits(.everyone, of: .nobody)) == nil)
    }

    @Test(arguments: [
        // mcp 2.3 reads both spellings: its models populate by name.
        #"{"notifications":{"resource_subscriptions":["file:///a"]}}"#,
        #"{"notifications":{"ResourceSubscriptions":[]}}"#,
        #"{"notifications":{"resourceSubscriptions":[],"resource_subscriptions":[]}}"#, #"{"Notifications":{}}"#,
        #"{"notifications":{"resourceSubscription\u0073":[]}}"#, #"{"notifications":{},"notifications\u200b":{}}"#,
    ])
    func `another spelling of what is listened to is refused`(params: String) {
        #expect(
            Bodies.fault(#"{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":\#(params)}"#) == .lookalike
        )
    }

    @Test func `what a rate counts`() throws {
        func count(_ body: String) throws -> Int {
            try Array(body.utf8).withUnsafeBytes { try RPCGate.scan($0, allowsBatch: true).ratedMessages }
        }
        let bodies = ["tools/call", "subscriptions/listen", "tasks/get", "tasks/whatever", "ping", "tools/list"].map {
            #"{"jsonrpc":"2.0","id":"\#($0)","method":"\#($0)","params":{}}"#
        }
        for body in bodies { #expect(try count(body) == 1) }
        #expect(try count("[\(bodies.joined(separator: ","))]") == bodies.count)
        for body in [
            #"{"jsonrpc":"2.0","id":1,"method":"server/discover"}"#, #"{"jsonrpc":"2.0","id":1,"method":"x/y"}"#,
            #"{"jsonrpc":"2.0","method":"notifications/cancelled"}"#, #"{"jsonrpc":"2.0","id":1,"result":{}}"#,
        ] { #expect(try count(body) == 0) }
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
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"x\":\(String(repeating: "[", count: 70))\(String(repeating: "]", count: 69))}",
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
            (#"{"ref":{"type":"ref/resource","uri":"memo://1/../{x}"}}"#, .resourceDenied),
            (#"{"ref":{"type":"ref/resource","uri":"memo://1/%2e%2e/b"}}"#, .resourceDenied),
            (#"{"ref":{"type":"ref/prompt","name":"get_a "}}"#, .promptDenied),
            (#"{"ref":{"type":"ref/resource","uri":"file:///{path}"}}"#, .resourceDenied),
            (#"{"ref":{"type":"ref/resource","uri":"file:///a","name":"get_a"}}"#, .resourceDenied),
            (#"{"ref":{"type":"ref/tool","name":"get_a"}}"#, .promptDenied),
            (#"{"ref":{"type":"Ref/Prompt","name":"get_a"}}"#, .promptDenied),
        ] as [(String, Reason?)]
    )
    func `a completion is asked of the grants by what it refers to`(params: String, refusal: Reason?) throws {
        let body = #"{"jsonrpc":"2.0","id":1,"params":\#(params),"method":"completion/complete"}"#
        #expect(try Self.refusal(body, Bodies.permits(["get_*", "memo://*"])) == refusal)
        // A caller without limits may also complete a reference that is not known here.
        #expect(try Self.refusal(body, Permits(.everyone, of: .nobody)) == nil)
    }

    @Test(arguments: [
        "{}", "[]", "null", #"{"ref":5}"#, #"{"ref":null}"#, #"{"ref":{}}"#, #"{"ref":{"type":5,"name":"get_a"}}"#,
        #"{"ref":{"type":"ref/prompt"}}"#, #"{"ref":{"type":"ref/prompt","name":""}}"#,
        #"{"ref":{"type":"ref/resource","name":"get_a"}}"#,
    ])
    func `a completion that refers to nothing clearly is refused to whom anything is limited`(params: String) throws {
        let body = #"{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":\#(params)}"#
        #expect(try Self.refusal(body, Bodies.permits(["*"])) == .targetMalformed)
        #expect(try Self.refusal(body, Permits(.everyone, of: .nobody)) == nil)
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
        let completion = #"{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{},"Ref":{}}}"#
        #expect(Bodies.fault(completion) == .lookalike)
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
        #expect(try refusal("resources/unsubscribe", #"{"uri":"file:///etc"}"#) == .resourceDenied)
        #expect(try refusal("resources/read", #"{"uri":"memo://1"}"#) == nil)
        for method in ["resources/read", "resources/subscribe", "resources/unsubscribe"] {
            #expect(try refusal(method, #"{"uri":"memo://1/../../etc"}"#) == .resourceDenied)
            #expect(try refusal(method, #"{"uri":"memo://1/%2e%2e/etc"}"#) == .resourceDenied)
            #expect(try refusal(method, #"{"uri":"memo://1\u0009"}"#) == .resourceDenied)
        }
        for name in ["get_a\\u0000", "get_a ", "get_\u{FF41}", "get_a\u{200B}"] {
            #expect(try refusal("tools/call", #"{"name":"\#(name)"}"#) == .toolDenied)
        }
        for method in [
            "initialize", "notifications/initialized", "server/discover", "ping", "delete", "tools/list", "x/y",
        ] {
            #expect(try refusal(method, #"{"name":"delete"}"#) == nil)
        }
    }
}
