import GatehouseCore
import Testing

@testable import GatehouseMCP

/// The names that mean something in a message, each in its place: another spelling of one is refused, and nothing else is.
@Suite struct RPCNameTests {
    /// An object of names, and where it stands in a body.
    struct Place: CustomTestStringConvertible, Sendable {
        let names: [String]
        /// The names of these that an SDK may write as null under another one.
        let optional: [String]
        /// The members of the object beside the one that is tried.
        let rest: String
        let method: String
        /// Around the object in the params; nil for the message itself.
        let around: String?

        var testDescription: String { "\(method) \(around ?? "message")" }

        func body(_ member: String) -> String {
            let object = "{" + [rest, member].filter { !$0.isEmpty }.joined(separator: ",") + "}"
            guard let around else {
                return #"{"jsonrpc":"2.0","id":1,"method":"\#(method)""# + (member.isEmpty ? "" : ",") + member + "}"
            }
            let params = around.replacing("OBJECT", with: object)
            return #"{"jsonrpc":"2.0","id":1,"method":"\#(method)","params":\#(params)}"#
        }
    }

    private static let places = [
        Place(
            names: ["id", "error", "method", "params", "result", "jsonrpc"],
            optional: [],
            rest: "",
            method: "ping",
            around: nil
        ),
        Place(
            names: ["name", "arguments", "requestState", "_meta"],
            optional: ["requestState", "_meta"],
            rest: #""name":"a""#,
            method: "tools/call",
            around: "OBJECT"
        ),
        Place(
            names: ["uri", "requestState", "_meta"],
            optional: ["requestState", "_meta"],
            rest: #""uri":"a:b""#,
            method: "resources/read",
            around: "OBJECT"
        ),
        Place(
            names: ["ref", "_meta"],
            optional: ["_meta"],
            rest: #""ref":{"type":"ref/prompt","name":"a"}"#,
            method: "completion/complete",
            around: "OBJECT"
        ),
        Place(
            names: ["notifications", "_meta"],
            optional: ["_meta"],
            rest: "",
            method: "subscriptions/listen",
            around: "OBJECT"
        ),
        Place(
            names: ["taskId", "taskIds", "_meta"],
            optional: ["taskIds", "_meta"],
            rest: #""taskId":"t""#,
            method: "tasks/get",
            around: "OBJECT"
        ),
        Place(
            names: ["uri", "name", "type"],
            optional: [],
            rest: #""type":"ref/prompt""#,
            method: "completion/complete",
            around: #"{"ref":OBJECT}"#
        ),
        Place(
            names: ["resourceSubscriptions", "taskIds"],
            optional: ["resourceSubscriptions", "taskIds"],
            rest: "",
            method: "subscriptions/listen",
            around: #"{"notifications":OBJECT}"#
        ),
    ]

    /// Other spellings that some reader takes for the name.
    private static func spellings(of name: String) -> [String] {
        let first = name.unicodeScalars.first.map { "\\u00" + String($0.value, radix: 16) } ?? ""
        let snake = name.reduce(into: "") { $0 += $1.isUppercase ? "_\($1.lowercased())" : "\($1)" }
        return [
            name.uppercased(), name.prefix(1).uppercased() + name.dropFirst(),
            first.uppercased().replacing("\\U", with: "\\u") + name.dropFirst(),
            name + " ", " " + name, name + "\u{200B}", name + "\\u0000", name + "\\u200b",
            name.dropLast() + "_\(name.suffix(1))", snake,
        ].filter { $0 != name }
    }

    @Test(arguments: places)
    func `another spelling of a name is refused where the name means something`(place: Place) {
        for name in place.names {
            for spelling in Self.spellings(of: name) {
                let fault = Bodies.fault(place.body("\"\(spelling)\":{}"))
                #expect(fault == .lookalike, "\(spelling)")
            }
        }
    }

    /// SDKs write what is missing as null under the names of their attributes.
    @Test(arguments: places)
    func `null under another spelling is none, of what may be missing`(place: Place) {
        for name in place.names {
            for spelling in Self.spellings(of: name) where !spelling.contains("\\u0000") {
                let fault = Bodies.fault(place.body("\"\(spelling)\":null"))
                #expect(fault == (place.optional.contains(name) ? nil : .lookalike), "\(spelling)")
            }
            #expect(Bodies.fault(place.body("\"\(name)\\u0000\":null")) == .lookalike)
        }
        let meta = Bodies.fault(place.body(#""Meta":null,"META":null,"meta":null"#))
        #expect(meta == nil)
    }

    /// Also those of the length of a name, and those that begin like one.
    @Test(arguments: places)
    func `a name that only resembles one passes`(place: Place) {
        let names = place.names.flatMap { [$0 + "s", $0 + "xy", "x" + $0, $0.dropLast() + "~", String($0.dropLast())] }
        for name in names + ["x", "abcd", "metas", "longer than all of the names that are known", "größe", "a\\u0062c"]
        where !["taskIds", "taskId", "meta"].contains(name) {
            #expect(Bodies.fault(place.body("\"\(name)\":{}")) == nil, "\(name)")
        }
    }

    @Test(arguments: places.filter { $0.around == "OBJECT" })
    func `the task in _meta is found under either of its names, and in no other object`(place: Place) throws {
        let meta = #"{"x":[1],"io.modelcontextprotocol/related-task":{"a":{},"taskId":"t","b":1}}"#
        func related(_ member: String) throws -> [String?] {
            let bytes = Array(place.body(member).utf8)
            return try bytes.withUnsafeBytes { buffer in
                guard case .single(let message) = try RPCGate.scan(buffer, allowsBatch: false) else { return [] }
                return message.owned.filter { $0.kind == .relatedTask }.map { $0.text?.string(in: buffer).text }
            }
        }
        #expect(try related(#""_meta":\#(meta)"#) == ["t"])
        #expect(try related(#""meta":\#(meta)"#) == ["t"])
        #expect(try related(#""mesa":\#(meta),"_mesa":\#(meta)"#) == [])
        #expect(try related("") == [])
        for twice in [#""_meta":{},"_meta":{}"#, #""_meta":{},"meta":{}"#] {
            #expect(Bodies.fault(place.body(twice)) == .json("duplicateMember"))
        }
        #expect(try related(#""_meta":\#(meta),"meta":null"#) == ["t"])
    }

    @Test(arguments: ["x/y", "tools/list"])
    func `in params that mean nothing else the task of _meta is as clear`(method: String) {
        func fault(_ params: String) -> RPCFault.Code? {
            Bodies.fault(#"{"jsonrpc":"2.0","id":1,"method":"\#(method)","params":\#(params)}"#)
        }
        let task = #""io.modelcontextprotocol/related-task""#
        for twice in [
            #"{"_meta":{},"_meta":{}}"#, #"{"_meta":{},"meta":{}}"#, #"{"meta":{},"_meta":{}}"#,
            #"{"_meta":{\#(task):{},\#(task):{}}}"#,
            #"{"_meta":{\#(task):{"taskId":"a","x":1,"taskId":"b"}}}"#,
        ] {
            #expect(fault(twice) == .json("duplicateMember"), "\(twice)")
        }
        #expect(fault(#"{"_meta":{\#(task):{"taskId":"a","TaskID":"b"}}}"#) == .lookalike)
        #expect(fault(#"{"Meta":{}}"#) == .lookalike)
        #expect(fault(#"{"_meta":{"x":{"taskId":1,"taskId":2}},"Meta":null,"metas":{},"meta":null}"#) == nil)
    }

    // MARK: - Methods

    @Test(arguments: [
        "pi\\u0000ng", "x\\u0000", "tools/list\\u0085", "resources/templates/list ", " resources/templates/list",
        "Resources/Templates/List", "resources/templates/list_", "TASKS/list", "tasks_/list", "task\u{17F}/x",
    ])
    func `a method that a lenient reader takes for one that is governed is refused`(method: String) {
        #expect(Bodies.fault(#"{"jsonrpc":"2.0","id":1,"method":"\#(method)"}"#) == .method)
    }

    @Test(arguments: [
        "resources/templates/listing", "resources/templates/lists", "resources/templates/lis",
        "a/name/that/is/longer/than/all/of/them",
        "notifications/initialized", "Notifications/Initialized", "PING", "task", "task/get",
    ])
    func `a method that resembles none of them passes`(method: String) throws {
        let body = #"{"jsonrpc":"2.0","id":1,"method":"\#(method)"}"#
        #expect(try Bodies.read(body).first?.method == method)
    }
}
