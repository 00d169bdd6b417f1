import GatehouseCore
import GatehouseMCP
import Testing

/// An entry of a list is held until it is known whether its caller may see it, up to a bound; what is withheld takes nothing else along.
@Suite struct EntryBoundTests {
    private struct Passed: Equatable {
        var text = ""
        var unreadable = 0
    }

    private static func pass(
        _ text: String,
        _ edits: AnswerReader.Edits = .lists,
        isEventStream: Bool = false,
        _ permits: Permits = Bodies.permits(["get_*"]),
        by size: Int = .max
    ) -> Passed {
        let reader = AnswerReader(isEventStream: isEventStream, edits: edits)
        var passed: [UInt8] = []
        text.inParts(of: size) { bytes in
            reader.edit(
                bytes,
                permits: permits,
                tag: { _, value in Array("<\(value.count)>".utf8) },
                address: { Array($0) }
            ) { passed += $0 }
        }
        return Passed(text: String(decoding: passed, as: UTF8.self), unreadable: reader.unreadableEntries)
    }

    private static func x(_ count: Int) -> String { String(repeating: "x", count: count) }

    private static let bound = 1 << 20

    @Test(arguments: [0, 1])
    func `an entry of one MiB with the white space before it stays, and one of a byte more is withheld`(more: Int) {
        let start = #"  {"name":"get_a","d":""#
        let entry = start + Self.x(Self.bound - start.utf8.count - 2 + more) + #""}"#
        let answer = #"{"result":{"tools":[\#(entry),{"name":"get_b"}]}}"#
        let without = #"{"result":{"tools":[{"name":"get_b"}]}}"#
        #expect(Self.pass(answer) == (more == 0 ? Passed(text: answer) : Passed(text: without, unreadable: 1)))
    }

    /// In an event stream what stands between the lines of an entry is held with it, and goes out alone once all of it is too long.
    @Test(arguments: [0, 1])
    func `comments within an entry count, and go out once they are too many`(more: Int) {
        let start = #"data: {"result":{"tools":["#
        let entry = #"{"name":"#
        let comment = "\n: " + Self.x(Self.bound - entry.utf8.count - 4 + more) + "\n"
        let open = Self.pass(start + entry + comment, isEventStream: true)
        #expect(open.text == start + (more == 0 ? "" : comment))
        // The next line makes it too long in either case.
        let whole = Self.pass(start + entry + comment + "data: \"get_a\"}]}}\n\n", isEventStream: true)
        #expect(whole == Passed(text: start + comment + "data: ]}}\n\n", unreadable: 1))
    }

    @Test(arguments: [Int.max, 1 << 16])
    func `framing within an entry that is too long stays in its order, with the ids of events bound`(size: Int) {
        let lines = [
            #"id: 1"#, #"data: {"result":{"tools":[{"name":"get_a"},"#, ": before", #"data: {"name":"get_b","#,
            ": within",
            #"data: "d":"\#(Self.x(Self.bound))","#, ": long", "id: 22", ": behind", #"data: "e":0},"#,
            #"data: {"name":"get_c"}]}}"#, "", "",
        ]
        let kept = [
            #"id: 1<1>"#, #"data: {"result":{"tools":[{"name":"get_a"}"#, ": before", #"data: "#, ": within",
            #"data: "#, ": long", "id: 22<2>", ": behind", #"data: ,"#, #"data: {"name":"get_c"}]}}"#, "", "",
        ]
        let passed = Self.pass(lines.joined(separator: "\n"), [.lists, .events], isEventStream: true, by: size)
        #expect(passed == Passed(text: kept.joined(separator: "\n"), unreadable: 1))
    }

    @Test func `a comment of any length before a list is nothing to it`() {
        let stream = ": \(Self.x(Self.bound))\ndata: {\"result\":{\"tools\":[{\"name\":\"get_a\"}]}}\n\n"
        #expect(Self.pass(stream, isEventStream: true) == Passed(text: stream))
    }

    @Test(arguments: [Int.max, 1])
    func `a list of a kind in which the caller is not limited stays, however odd`(size: Int) {
        let grant = Grant(users: [Glob("*")], serviceTokens: [], tools: [Glob("get_*")], prompts: nil, resources: nil)
        let permits = Permits(Policy(grants: [grant]), of: Principal(kind: .user, name: "ann@example.com"))
        let answer = #"{"result":{"prompts":[5,{"Name":"x"},"y",{}],"tools":[{"name":"get_a"}],"resources":[null]}}"#
        #expect(Self.pass(answer, .lists, permits, by: size) == Passed(text: answer))
    }

    /// What is no object names nothing, and its text may look like the end of the list.
    @Test(arguments: ["5", #""a,]}b""#, #""\"],""#, "null", "[1,[2],\"]\"]", "-1.5e3", "true"])
    func `each entry that is no object is withheld and counted once`(entry: String) {
        let (a, b) = (#"{"name":"get_a"}"#, #"{"name":"get_b"}"#)
        for (list, kept) in [
            ("\(entry),\(a),\(b)", "\(a),\(b)"), ("\(a),\(entry),\(b)", "\(a),\(b)"), ("\(a),\(entry)", a), (entry, ""),
        ] {
            let expected = Passed(text: #"{"result":{"tools":[\#(kept)],"nextCursor":"c"}}"#, unreadable: 1)
            for size in [Int.max, 1] {
                #expect(
                    Self.pass(#"{"result":{"tools":[\#(list)],"nextCursor":"c"}}"#, by: size) == expected,
                    "\(list)"
                )
            }
        }
    }
}
