import GatehouseCore
import Testing

@Suite struct ArgumentRulesTests {
    private static func rules(_ rules: [(String, ArgumentCondition)], only: Bool = false) throws -> ArgumentRules {
        try ArgumentRules(rules.map { .init(try MemberPath(parsing: $0.0), $0.1) }, isClosed: only)
    }

    private static func texts(_ patterns: String...) -> ArgumentCondition {
        .oneOf(patterns.map { .text(ArgumentPattern(Glob($0))) })
    }

    private static func number(_ text: String) throws -> PlainNumber { try PlainNumber(parsing: text) }

    /// The denied argument, `""` for a denial that names none, nil for a call that passes.
    private static func denied(_ arguments: String?, by rules: ArgumentRules) -> String? {
        guard let arguments else { return rules.denial(of: nil).map { $0.argument ?? "" } }
        return Array(arguments.utf8).withUnsafeBytes { rules.denial(of: $0).map { $0.argument ?? "" } }
    }

    private static func example() throws -> ArgumentRules {
        try rules([
            ("docId", texts("AbC*", "exact")),
            ("options.dryRun", .oneOf([.boolean(true)])),
            ("limit", .within(minimum: number("1"), maximum: number("100"))),
        ])
    }

    private static func call(
        _ id: String = #""AbC1""#,
        dryRun: String = "true",
        limit: String = "7",
        _ more: String = ""
    ) -> String {
        #"{"docId":\#(id),"options":{"x":null,"dryRun":\#(dryRun)},"limit":\#(limit)\#(more)}"#
    }

    @Test(arguments: [
        call(), call(#""exact""#), call(#""\u0041bC\n""#), call(#"["AbC1","exact"]"#), call(limit: "1"),
        call(limit: "100"), call(limit: "99.5"), call(limit: "1.0"), call(limit: "[1,2,3]"), call(dryRun: "[true]"),
        #" { "limit" : 5 , "options" : { "dryRun" : true } , "doc\u0049d" : "AbC" } "#,
        call(#""AbC1""#, #","other":{"docId":"evil","docId":[]},"n":1e400,"s":"\ud800""#),
        call(#""AbC1""#, #","ID":1,"größe":2,"名前":3,"doc":4,"docIdent":5,"":6"#),
    ])
    func `arguments pass that have each ruled one, whatever else they have`(arguments: String) throws {
        #expect(try Self.denied(arguments, by: Self.example()) == nil)
    }

    @Test(arguments: [
        // Other values, other types, nothing.
        (call(#""abC1""#), "docId"), (call(#""exactly""#), "docId"), (call(#""""#), "docId"), (call("null"), "docId"),
        (call("1"), "docId"), (call("true"), "docId"), (call("{}"), "docId"), (call("[]"), "docId"),
        (call(#"["AbC1","evil"]"#), "docId"), (call(#"[["AbC1"]]"#), "docId"), (call(#"["AbC1",null]"#), "docId"),
        (call(dryRun: "false"), "options.dryRun"), (call(dryRun: #""true""#), "options.dryRun"),
        (call(dryRun: "1"), "options.dryRun"), (call(limit: "0"), "limit"), (call(limit: "101"), "limit"),
        (call(limit: "100.5"), "limit"), (call(limit: #""50""#), "limit"), (call(limit: "true"), "limit"),
        (#"{"options":{"dryRun":true},"limit":1}"#, "docId"), (#"{"docId":"AbC","limit":1}"#, "options.dryRun"),
        (#"{"docId":"AbC","options":[{"dryRun":true}],"limit":1}"#, "options.dryRun"),
        (#"{"docId":"AbC","options":{},"limit":1}"#, "options.dryRun"), ("{}", "docId"), ("null", "docId"),
        ("[]", "docId"), (#""AbC""#, "docId"),
        // Numbers that readers round, or hold as another kind of number.
        (call(limit: "1e1"), "limit"), (call(limit: "1e400"), "limit"), (call(limit: "-0"), "limit"),
        (call(limit: "100.00000000000001"), "limit"), (call(limit: "99.99999999999999999"), "limit"),
        (call(limit: "9007199254740993"), "limit"), (call(limit: "10000000000000000000000000000000000000000"), "limit"),
        // Half a surrogate pair, and a NUL behind which C's readers see nothing.
        (call(#""AbC\ud800""#), "docId"), (call(#""AbC\udc00\ud800""#), "docId"), (call(#""AbC\u0000evil""#), "docId"),
        // A second one, under any spelling.
        (call(#""AbC1""#, #","docId":"evil""#), "docId"), (call(#""AbC1""#, #","doc\u0049d":"evil""#), "docId"),
        (call(#""AbC1""#, #","docId":"AbC1""#), "docId"), (call(#""AbC1""#, #","docid":"evil""#), "docId"),
        (call(#""AbC1""#, #","doc_id":"evil""#), "docId"), (call(#""AbC1""#, #","docId ":"evil""#), "docId"),
        (call(#""AbC1""#, #","docId\u0000":"evil""#), "docId"),
        (call(#""AbC1""#, #","options":{"dryRun":false}"#), "options.dryRun"),
        (call(#""AbC1""#, #","Options":{"dryRun":false}"#), "options.dryRun"),
        (call(#""AbC1""#, #","option\u017f":{}"#), "options.dryRun"),
        (call(#""AbC1""#, dryRun: #"true,"dryRun":false"#), "options.dryRun"),
        (call(#""AbC1""#, dryRun: #"true,"DRYRUN":false"#), "options.dryRun"),
        (call(#""AbC1""#, #","ｄocId":"evil""#), "docId"), (call(#""AbC1""#, #","\ud800":1"#), "docId"),
    ])
    func `arguments that another reader could take for denied ones are denied`(arguments: String, path: String) throws {
        #expect(try Self.denied(arguments, by: Self.example()) == path)
    }

    @Test func `a call without arguments lacks the ruled ones`() throws {
        #expect(try Self.denied(nil, by: Self.example()) == "docId")
        let none = try Self.rules([], only: true)
        for arguments in [nil, "null", "{}"] { #expect(Self.denied(arguments, by: none) == nil) }
        #expect(Self.denied("[]", by: none) == "")
    }

    @Test func `only what is named passes where that is said, at each level of a path`() throws {
        let rules = try Self.rules([("docId", Self.texts("*")), (#"a.b\.c"#, .oneOf([.boolean(true)]))], only: true)
        #expect(Self.denied(#"{"docId":"x","a":{"b.c":true}}"#, by: rules) == nil)
        #expect(Self.denied(#"{"docId":"x","a":{"b.c":true},"f\u006frce":1}"#, by: rules) == "force")
        #expect(Self.denied(#"{"docId":"x","a":{"b.c":true,"d.e":1}}"#, by: rules) == #"a.d\.e"#)
        let long = String(repeating: "x", count: 200)
        #expect(Self.denied(#"{"docId":"x","a":{"b.c":true},"\#(long)":1}"#, by: rules) == "")
    }

    @Test func `numbers are compared exactly, and one with a point is another kind than a whole one`() throws {
        let rules = try Self.rules([("n", .oneOf([.number(Self.number("1")), .number(Self.number("-0.25"))]))])
        for passing in ["1", "-0.25", "-0.250"] { #expect(Self.denied(#"{"n":\#(passing)}"#, by: rules) == nil) }
        for denied in ["1.0", "01", "-1", "0.25", "1e0", "10E-1", "-0.2500000000000001", #""1""#] {
            #expect(Self.denied(#"{"n":\#(denied)}"#, by: rules) != nil, "\(denied)")
        }
        for unclear in [
            "01", "1.0", "+1", ".5", "1e3", "0x10", "-0", "1234567890.1234567", "9007199254740992", "", "1.",
        ] {
            #expect(throws: InvalidValue.self, "\(unclear)") { try Self.number(unclear) }
        }
        for number in ["0", "-1", "0.001", "-12.5", "9007199254740991"] {
            #expect(try Self.number(number).description == number)
        }
    }

    /// A place that a pattern keeps a caller in is not left by dots, nor a host by a form that another reader changes.
    @Test func `a pattern with slashes matches no text that leads elsewhere`() throws {
        let path = try Self.rules([("path", Self.texts("/data/public/*"))])
        for passing in [
            "/data/public/a.md", "/data/public/...md", "/data/public/a..b", "/data/public/ü", "/data/public/",
        ] {
            #expect(Self.denied(#"{"path":"\#(passing)"}"#, by: path) == nil, "\(passing)")
        }
        for leading in [
            "/data/public/../private", "/data/public/..", "/data/public/./x", #"/data/public/..\\..\\x"#,
            "/data/public/%2e%2e/x", "/data/public/.%2E%2fx", "/data/public/.. /x", "/data/public/..;a=b/x",
            "/data/public/\\t../x", "/data/public/．．/x", "/data/public/..%5cx", "/data/public/.\u{200B}./x",
        ] {
            #expect(Self.denied(#"{"path":"\#(leading)"}"#, by: path) == "path", "\(leading)")
        }
        let url = try Self.rules([("url", Self.texts("https://wiki.example.com/*"))])
        #expect(Self.denied(#"{"url":"https://wiki.example.com/a"}"#, by: url) == nil)
        for leading in ["https://wiki.example.com/../x", "https://wiki.example.com/%2e%2e/x"] {
            #expect(Self.denied(#"{"url":"\#(leading)"}"#, by: url) == "url", "\(leading)")
        }
        let open = try Self.rules([("text", Self.texts("*"))])
        #expect(Self.denied(#"{"text":"../../x"}"#, by: open) == nil)
    }

    @Test func `what is held against rules is bounded`() throws {
        let rules = try Self.rules([("a", Self.texts("x*"))])
        func text(_ count: Int) -> String { "\"" + String(repeating: "x", count: count) + "\"" }
        #expect(Self.denied(#"{"a":\#(text(8 << 10))}"#, by: rules) == nil)
        #expect(Self.denied(#"{"a":\#(text(8 << 10 + 1))}"#, by: rules) == "a")
        func list(_ count: Int) -> String { "[" + Array(repeating: text(1), count: count).joined(separator: ",") + "]" }
        #expect(Self.denied(#"{"a":\#(list(1024))}"#, by: rules) == nil)
        #expect(Self.denied(#"{"a":\#(list(1025))}"#, by: rules) == "a")
        // Unread arguments are as long and as deep as a body may be.
        let deep = String(repeating: "[", count: 400) + String(repeating: "]", count: 400)
        #expect(Self.denied(#"{"b":\#(deep),"a":"x","c":\#(text(100_000))}"#, by: rules) == nil)
        let many = (0..<5000).map { #""m\#($0)":1"# }.joined(separator: ",")
        #expect(Self.denied(#"{\#(many),"a":"x"}"#, by: rules) == nil)
    }

    @Test(arguments: [
        (["a", "a.b"], "'a.b' cannot be ruled"), (["a.b", "a"], "'a' cannot be ruled"),
        (["docId", "doc_id"], "'doc_id' and 'docId' are one name"), (["a.docId", "a.DOCID"], "are one name"),
    ])
    func `rules that contradict each other are none`(paths: [String], message: String) throws {
        let error = #expect(throws: ArgumentRules.Conflict.self) {
            try Self.rules(paths.map { ($0, .oneOf([.boolean(true)])) })
        }
        #expect(error?.rule == 1 && error?.reason.message.contains(message) == true)
        let many = (0...64).map { ("a\($0)", ArgumentCondition.oneOf([.boolean(true)])) }
        #expect(throws: ArgumentRules.Conflict.self) { try Self.rules(many) }
        #expect(try Self.rules(Array(many.dropLast())).rules.count == 64)
    }

    @Test(arguments: ["", ".", "a.", ".a", "a..b", #"a\b"#, #"a\"#, " a", "a ", "ü", "a\u{7F}", "a\tb"])
    func `a path that is none`(text: String) {
        #expect(throws: InvalidValue.self) { try MemberPath(parsing: text) }
    }

    @Test func `paths are bounded and are written as they are read`() throws {
        #expect(throws: InvalidValue.self) { try MemberPath(parsing: String(repeating: "x", count: 257)) }
        #expect(throws: InvalidValue.self) {
            try MemberPath(parsing: Array(repeating: "x", count: 17).joined(separator: "."))
        }
        #expect(try MemberPath(parsing: #"a\.b.c\\d.e f"#).names == ["a.b", #"c\d"#, "e f"])
        for text in ["a", "a.b", #"a\.b.c\\d"#, "Page Title.x_y-z"] {
            #expect(try MemberPath(parsing: text).description == text)
        }
    }

    @Test func `rules cover those that let less through`() throws {
        let wide = try Self.example()
        let narrow = try Self.rules([
            ("docId", Self.texts("AbC1")), ("options.dryRun", .oneOf([.boolean(true)])),
            ("limit", .within(minimum: Self.number("2"), maximum: Self.number("3"))), ("x", Self.texts("*")),
        ])
        #expect(wide.covers(wide) && wide.covers(narrow) && !narrow.covers(wide))
        let closed = try Self.rules([("docId", Self.texts("AbC*"))], only: true)
        let open = try Self.rules([("docId", Self.texts("AbC*"))])
        #expect(open.covers(closed) && !closed.covers(open) && closed.covers(closed))
        let one = try Self.rules([("limit", .oneOf([.number(Self.number("5"))]))])
        let some = try Self.rules([("limit", .within(minimum: nil, maximum: Self.number("9")))])
        #expect(some.covers(one) && !one.covers(some))
    }
}
