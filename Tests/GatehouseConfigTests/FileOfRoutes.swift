import Foundation
import GatehouseTestSupport

/// A file as a list of routes, in the many ways of writing them, and changes of it that somebody could make.
struct FileOfRoutes {
    private struct Item {
        var lines: [String]
        /// Blanks between the dash and the first key.
        var gap = 1
        var above = ""

        /// The beginning of its name, as far as it can be seen.
        var name: String {
            lines.joined().split(separator: ":").dropFirst().first.map { String($0.prefix(5)) } ?? ""
        }
    }

    private var head = 0
    private var isMarked = false
    private var lineEnd = "\n"
    private var margin = 2
    private var end = "\n"
    private var routes = [Item(lines: Self.lines(Self.specimens[0]))]
    /// The routes of the golden files and the examples.
    private let found: [String]

    init() throws {
        let golden = ["effective", "routes", "warnings", "matches-nothing", "plain-text", "browsers"].map {
            TestFiles.golden.appendingPathComponent("\($0).yaml")
        }
        let folder = TestFiles.root.appendingPathComponent("config")
        let examples = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
            .filter { $0.hasSuffix(".yaml") }.map { folder.appendingPathComponent($0) }
        found = try (golden + examples).flatMap { Self.routes(of: try String(contentsOf: $0, encoding: .utf8)) }
    }

    private static func routes(of text: String) -> [String] {
        guard let start = text.range(of: "\nroutes:\n") else { return [] }
        var routes: [[String]] = []
        for line in lines(String(text[start.upperBound...])) {
            if line.hasPrefix("  - ") {
                routes.append([String(line.dropFirst(4))])
            } else if line.hasPrefix("    "), !routes.isEmpty {
                routes[routes.count - 1].append(String(line.dropFirst(4)))
            }
        }
        return routes.map { $0.joined(separator: "\n") }
    }

    private static func lines(_ text: String) -> [String] { text.components(separatedBy: "\n") }

    var text: [UInt8] {
        var text = Self.heads[head] + "\n"
        let indent = String(repeating: " ", count: margin)
        for route in routes {
            let gap = String(repeating: " ", count: route.gap)
            text += "\(route.above)\(indent)-\(gap)\(route.lines[0])\n"
            for line in route.lines.dropFirst() { text += line.isEmpty ? "\n" : "\(indent) \(gap)\(line)\n" }
        }
        while text.last == "\n" { text.removeLast() }
        text += end
        return (isMarked ? [0xEF, 0xBB, 0xBF] : []) + Array(text.replacing("\n", with: lineEnd).utf8)
    }

    func changed(_ random: inout SplitMix) -> FileOfRoutes {
        var file = self
        for _ in 0..<Int.random(in: 1...3, using: &random) { file.change(&random) }
        return file
    }

    private mutating func change(_ random: inout SplitMix) {
        let index = Int.random(in: 0..<routes.count, using: &random)
        let other = Int.random(in: 0..<routes.count, using: &random)
        switch Int.random(in: 0..<20, using: &random) {
        case 0: routes.swapAt(index, other)
        case 1: routes.shuffle(using: &random)
        case 2, 3, 4, 5: insert(Self.one(of: Self.specimens, &random), &random)
        case 6, 7: insert(Self.one(of: found, &random), &random)
        case 8, 9: if routes.count > 1 { routes.remove(at: index) }
        case 10: routes[index].gap = Int.random(in: 1...3, using: &random)
        case 11: routes[index].above = Self.one(of: Self.separators, &random)
        case 12: margin = Self.one(of: [0, 2, 2, 4], &random)
        case 13: head = Bool.random(using: &random) ? 0 : Int.random(in: 0..<Self.heads.count, using: &random)
        case 14: isMarked.toggle()
        case 15: lineEnd = Self.one(of: ["\n", "\n", "\r\n", "\r", "\u{85}", "\u{2028}"], &random)
        case 16: end = Self.one(of: Self.ends, &random)
        case 17: routes.insert(routes[index], at: other)
        case 18: respace(index, &random)
        case _: mutate(index, &random)
        }
    }

    private static func one<Element>(of all: [Element], _ random: inout SplitMix) -> Element {
        all[Int.random(in: 0..<all.count, using: &random)]
    }

    /// Puts a route anywhere, most often instead of the one of its name.
    private mutating func insert(_ text: String, _ random: inout SplitMix) {
        let new = Item(lines: Self.lines(text))
        if Int.random(in: 0..<10, using: &random) > 0 { routes.removeAll { $0.name == new.name } }
        routes.insert(new, at: Int.random(in: 0...routes.count, using: &random))
        if routes.count > 7 { routes.removeFirst() }
    }

    /// Changes blanks and quotes, and so mostly nothing but where things stand.
    private mutating func respace(_ index: Int, _ random: inout SplitMix) {
        let line = Int.random(in: 0..<routes[index].lines.count, using: &random)
        let (old, new) = Self.one(of: Self.spacings, &random)
        routes[index].lines[line] = routes[index].lines[line].replacing(old, with: new)
    }

    private mutating func mutate(_ index: Int, _ random: inout SplitMix) {
        let line = Int.random(in: 0..<routes[index].lines.count, using: &random)
        var text = Array(routes[index].lines[line])
        let place = Int.random(in: 0...text.count, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: text.insert(contentsOf: Self.one(of: Self.pieces, &random), at: place)
        case 1: if place < text.count { text.remove(at: place) }
        case 2: text += Self.one(of: ["  ", " # behind", "\t", " a", "]", "}"], &random)
        case _: routes[index].lines.insert(Self.one(of: Self.moreLines, &random), at: line + 1)
        }
        routes[index].lines[line] = String(text)
    }
}

extension FileOfRoutes {
    private static let separators = ["", "\n", "# a comment\n", "\n      # deeper\n\n", "#\u{85}#\u{2028}#\n"]
    private static let ends = [
        "\n", "", "\n\n\n", "   ", " # the end", "\n...\n", "\n# the end ]", "\nlog: { level: debug }\n",
    ]
    private static let moreLines = ["", "# within", "  # within", "path: /x", "preserve_host: true", " deeper"]
    private static let spacings = [
        (" }", "   }"), (" ]", "   ]"), ("}", " }"), ("]", " ] "), ("{ ", "{"), (", ", " ,  "), (": ", ":  "),
        ("] }", "]  ,  }"), ("   }", " }"), ("\"", "'"), ("'", "\""),
    ]
    private static let pieces = [
        "# x", " ", "\t", "a", "é", "  # c", " #}", "0", "$", "{", "}", "[", "]", ":", ": ", "- ", "&a ", "*a", "!t ",
        "!!str ", "|", ">", "\"", "'", "\\", "${AUD}", "~", "null", "\u{0}", "\u{85}", "\u{2028}", "\u{FEFF}",
        "\u{301}", "\u{212A}", "<<", "? ", ",",
    ]

    private static let heads = """
        version: 1
        access: { team: example }
        stores: { phase1: { kind: env } }
        threads: 2
        routes:
        ====
        %YAML 1.1
        ---
        version: 1
        access: { issuer: "https://login.example.com" }
        stores: { phase1: { kind: env } }
        threads: 2
        routes:
        ====
        # é\u{2028}\u{85}
        version: 1
        threads: 3
        access: { team: example }
        stores: { phase1: { kind: sqlite, path: /db, master_keys: [{ file: /k }] } }
        tokens: { one: { per: person, connect: { kind: paste, help: a page } } }


        routes: # all
        ====
        version: 1
        access: { team: example, groups: groups }
        stores: { phase1: { kind: env } }
        unknown: 1
        routes:
        ====
        %TAG !! tag:example.com,2026:
        ---
        version: 1
        access: { team: example }
        stores: { phase1: { kind: env } }
        threads: 2
        routes:
        """.components(separatedBy: "\n====\n")

    private static func many(_ word: String) -> String { Array(repeating: word, count: 110).joined(separator: ", ") }

    private static let specimens = #"""
        name: one
        host: one.example.com
        audience: [aud]
        upstream: http://one:1
        ====
        name: one
        host: one.example.com
        audience: [aud]
        upstream: http://one.example:1
        inject: { X-Key: "{token}" }
        auto_revert: true
        allow: []
        ====
        "name": "tw\x6f"
        'host': two.example.com
        "audience": ["<AUD>", 'it''s', "a\u0301"]
        upstream: "http://two:1"
        allow: [ { users: [ada, "@example.com"], tools: [x] } ]
        ====
        name: two
        host: two.example.com
        audience: ["\#u{E1}"]
        upstream: http://two:1
        ====
        name: two
        host: two.example.com
        audience: ["a\#u{301}"]
        upstream: http://two:1
        ====
        name: three
        host: three.example.com
        audience:
          - >-
            folded
            text

            more
          - |-
            text
        upstream: |-
          http://three:1
        ====
        name: three
        host: three.example.com
        audience: [aud]
        upstream: >+
          http://three:1


        ====
        name: three
        host: three.example.com
        audience: [aud]
        inject:
          X-Text: plain text
            that goes on
            # no
        upstream: http://three:1
        ====
        name: three
        host: three.example.com
        audience: [aud]
        upstream: http://three:1
        inject:
          X-Text: plain text
            that goes on

            and on
        ====
        { name: five, host: five.example.com, audience: [aud], upstream: "http://five:1", allow: [ { users: [a], tools: [x] } ] }
        ====
        { name: five, host: five.example.com, audience: [aud], upstream: "http://five:1", guard: { reflection: redact, websockets: pass } }
        ====
        { name: five,
          host: five.example.com, # a comment
          audience: [aud
         ], upstream: "http://five:1", allow: [] }
        ====
        {name: six, host: "*", path: /six/*, audience: [aud], upstream: "http://six.example:1", inject: {X-Key: "{token}"}, pin: {}, allow: [{users: [x], tools: [y] } ] }
        ====
        name: six
        host: "*"
        path: /six
        audience: [aud]
        upstream: http://six:1
        allow:
        - users: [a@b.c]
          tools: [x, y]
        - { groups: [g], claims: { a: [b] } }
        ====
        name: seven
        host: seven.example.com
        audience: ["${AUD}"]
        upstream: http://seven:1
        ====
        name: seven
        host: seven.example.com
        audience: ["\x24{AUD}"]
        upstream: http://seven:1
        ====
        name: seven
        host: seven.example.com
        audience: ["$${AUD}", a$b]
        upstream: http://seven:1
        ====
        ? name
        : eight
        ? host
        : eight.example.com
        ? audience
        : - aud
        ? upstream
        : http://eight:1
        ====
        !!map
        name: !!str eight
        host: eight.example.com
        audience: !!seq [!!str 5]
        upstream: http://eight:1
        ====
        name: nine
        host: nine.example.com
        audience: [aud]
        upstream: http://nine:1
        inject: { X-Other: sk-live-0f1e2d3c4b5a }
        ====
        name: nine
        host: nine.example.com
        audience: [aud]
        upstream: http://nine:1
        inject: { Authorization: "{token}" }
        probe:
          url: http://far.example.com
          headers: { Authorization: "{token}" }
        ====
        name: many
        host: many.example.com
        audience: [\#(many("aud"))]
        upstream: http://many:1
        ====
        name: more
        host: more.example.com
        audience: [aud]
        upstream: http://more:1
        protocol: http
        allow: [{ users: [\#(many("x"))] }]
        ====
        name: wrong
        host: wrong.example.com
        audience: [aud]
        upstream: http://wrong:1
        unknown: 1
        ====
        name: wrong
        host: wrong.example.com
        audience: 5
        upstream: http://wrong:1
        ====
        name: neighbour
        host: neighbour.example.com
        audience: [aud]
        upstream: http://one:1
        protocol: http
        ====
        name: "${AUD}"
        host: ten.example.com
        audience: [aud]
        upstream: http://ten:1
        ====
        name: tab
        host: tab.example.com
        audience:\#t[aud]\#t# tab
        upstream: http://tab:1\#t
        ====
        name: late
        host: late.example.com
        audience: [aud]
        upstream: http://late:1
        resource_metadata:
          resource_name: "a\
            \ b

            c"
          resource_documentation: 'https://late.example.com/

            x'
        ====
        name: late
        host: late.example.com
        audience: [aud]
        upstream: http://late:1
        resource_metadata:
          resource_name: many words
           on lines
        """#.components(separatedBy: "\n====\n")
}
