import GatehouseCore
import GatehouseTestSupport
import Testing

@testable import GatehouseMCP

@Suite struct ConnectOfferTests {
    /// What remains of the body, read by another reader, is the same without the two members.
    @Test(arguments: 0..<400)
    func `the answer to an offer is cut out of the params whatever stands around it`(seed: Int) throws {
        var random = SplitMix(seed: UInt64(seed))
        let space = { () -> String in String(repeating: " ", count: Int(random.next() % 3)) }
        let values = ["1", "\"a\"", "{}", "[1,{\"requestState\":2}]", "{\"inputResponses\":{\"x\":\",}\"}}", "null"]
        var names = (0..<Int(random.next() % 4)).map { "m\($0)" }
        for name in ["requestState", "inputResponses"] where random.next() % 4 != 0 {
            names.insert(name, at: Int(random.next() % UInt64(names.count + 1)))
        }
        let members = names.map { name in
            "\(space())\"\(name)\"\(space()):\(space())\(values[Int(random.next() % UInt64(values.count))])\(space())"
        }
        let body = #"{"id":1, "params" :{\#(members.joined(separator: ","))} ,"method":"x"}"#
        let places = try #require(Array(body.utf8).withUnsafeBytes { ConnectCuts.places(in: $0) })
        var rest = Array(body.utf8)
        for place in places.reversed() { rest.removeSubrange(place) }
        guard case .object(let before)? = JSONValue(parsing: Array(body.utf8))?["params"],
            case .object(let after)? = JSONValue(parsing: rest)?["params"]
        else {
            Issue.record("no object: \(String(decoding: rest, as: UTF8.self))")
            return
        }
        #expect(after == before.filter { $0.name != "requestState" && $0.name != "inputResponses" })
        for (one, next) in zip(places, places.dropFirst()) { #expect(one.upperBound <= next.lowerBound) }
    }

    @Test func `an offer is JSON whatever the address holds`() throws {
        let name = try TokenName(parsing: "notion")
        for form in [ConnectOffer.Form.message, .elicitationError(id: "e"), .inputRequired(state: "s")] {
            let offer = ConnectOffer(form, name, at: #"https://h/a"b\/"#, isAnew: false)
            let id = RequestID(high: 1, low: 2)
            let bytes = RPCAnswer.offer(offer, .tokenMissing, ids: [Array("7".utf8)], isBatch: false, requestID: id)
            #expect(JSONValue(parsing: bytes)?["id"] == .number("7"))
        }
    }

    private static func answer(
        _ form: ConnectOffer.Form,
        isAnew: Bool = false,
        ids: [String] = ["7"],
        isBatch: Bool = false
    )
        throws -> String
    {
        let offer = ConnectOffer(form, try TokenName(parsing: "notion"), at: "https://h/connect", isAnew: isAnew)
        let id = RequestID(high: 1, low: 2)
        let bytes = RPCAnswer.offer(
            offer,
            .tokenMissing,
            ids: ids.map { Array($0.utf8) },
            isBatch: isBatch,
            requestID: id
        )
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The answers to clients of each era, to the letter: the shapes are those of the elicitation of MCP in mode `url`.
    @Test func `an offer says where to connect, in the words of its client's era`() throws {
        let request = "\(RequestID(high: 1, low: 2))"
        let message = "Connect your own account to notion, then repeat the call: https://h/connect"
        #expect(
            try Self.answer(.inputRequired(state: "s.t"))
                == #"{"id":7,"jsonrpc":"2.0","result":{"resultType":"input_required","inputRequests":{"gatehouse-connect":"#
                + #"{"method":"elicitation/create","params":{"mode":"url","url":"https://h/connect","message":"\#(message)"}}},"#
                + #""requestState":"s.t"}}"#
        )
        #expect(
            try Self.answer(.elicitationError(id: "e-1"))
                == #"{"id":7,"jsonrpc":"2.0","error":{"code":-32042,"message":"\#(message)","data":{"elicitations":["#
                + #"{"mode":"url","elicitationId":"e-1","url":"https://h/connect","message":"\#(message)"}],"#
                + #""reason":"token_missing","request_id":"\#(request)"}}}"#
        )
        let plain =
            #""jsonrpc":"2.0","error":{"code":4010,"message":"\#(message)","data":{"reason":"token_missing","#
            + #""url":"https://h/connect","request_id":"\#(request)"}}}"#
        #expect(try Self.answer(.message) == #"{"id":7,\#(plain)"#)
        let batch = #"[{"id":7,\#(plain),{"id":"b",\#(plain)]"#
        #expect(try Self.answer(.message, ids: ["7", #""b""#], isBatch: true) == batch)
        let anew = "Your connection to notion has ended. Connect it again, then repeat the call: https://h/connect"
        #expect(try Self.answer(.message, isAnew: true) == #"{"id":7,\#(plain)"#.replacing(message, with: anew))
        #expect(
            String(decoding: ConnectOffer.completed(id: "e-1"), as: UTF8.self)
                == #"{"jsonrpc":"2.0","method":"notifications/elicitation/complete","params":{"elicitationId":"e-1"}}"#
        )
    }

    @Test func `the code of an offer is that of its answer`() throws {
        let name = try TokenName(parsing: "notion")
        for (form, code) in [(.message, 4010), (.elicitationError(id: "e"), -32042), (.inputRequired(state: "s"), nil)]
            as [(ConnectOffer.Form, Int?)]
        {
            #expect(ConnectOffer(form, name, at: "https://h", isAnew: false).code(.tokenMissing) == code)
        }
    }

    @Test(arguments: [
        (#"{"params":{"capabilities":{"elicitation":{"url":{}}}}}"#, true),
        (
            #"{"method":"initialize","params":{"a":[{"url":1}],"capabilities":{"roots":{},"elicitation":{"form":{},"url":{}}}}}"#,
            true
        ),
        (#"{"params":{"capabilities":{"elicitation":{"url":null}}}}"#, false),
        (#"{"params":{"capabilities":{"elicitation":{}}}}"#, false),
        (#"{"capabilities":{"elicitation":{"url":{}}}}"#, false),
        (#"{"params":[]}"#, false), ("", false), ("[]", false), (#"{"params":{"capabilities":"#, false),
        (#"{"params":{"capabilities":{"elicitation":{"#, false),
        (#"{"params":{"capabilities":{"elicitation":{"url":{"#, true),
        (#"{"params":{"capabilities":{}},"elicitation":{"url":{}}}"#, false),
        (#"{"params":{"capabilities":{"elicitation":{}},"url":{}}}"#, false),
    ])
    func `a client opens addresses when it says so and not otherwise`(body: String, opens: Bool) {
        #expect(Array(body.utf8).withUnsafeBytes { ElicitationSupport.isSaidAtStart($0) } == opens)
    }
}
