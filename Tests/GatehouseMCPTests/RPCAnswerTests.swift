import Foundation
import GatehouseCore
import GatehouseMCP
import Testing

@Suite struct RPCAnswerTests {
    private static let requestID = RequestID(high: 1, low: 2)

    @Test(arguments: Reason.allCases)
    func `every refusal that a call can be told of is JSON with its code and the id as written`(reason: Reason) throws {
        guard let code = reason.rpcCode else { return }
        let text = RPCAnswer.errors(reason, ids: [Array(#""a\"b""#.utf8)], isBatch: false, requestID: Self.requestID)
        let answer = try #require(try JSONSerialization.jsonObject(with: Data(text)) as? [String: Any])
        #expect(answer["jsonrpc"] as? String == "2.0")
        #expect(answer["id"] as? String == "a\"b")
        let error = try #require(answer["error"] as? [String: Any])
        #expect(error["code"] as? Int == code)
        let data = try #require(error["data"] as? [String: Any])
        #expect(data["request_id"] as? String == Self.requestID.description)
        // JSON-RPC keeps these for itself; those that are used mean here what they mean there, or in MCP.
        #expect(!(-32768 ... -32000).contains(code) || [-32020, -32601, -32602].contains(code))
        for misread in ["404", "405", "Not Found", "Unauthorized"] {
            #expect(!String(decoding: text, as: UTF8.self).contains(misread))
        }
    }

    @Test func `the codes of the contract`() {
        let codes = Dictionary(grouping: Reason.allCases.filter { $0.rpcCode != nil }, by: { $0.rpcCode ?? 0 })
        #expect(codes[4030] == [.toolDenied, .promptDenied, .resourceDenied, .argumentsDenied, .toolUnapproved])
        #expect(codes[4290] == [.rateLimited])
        #expect(codes[5040] == [.upstreamTimeout])
        #expect(codes[-32020] == [.rpcHeaderMismatch])
        #expect(codes[-32602] == [.targetMalformed, .taskUnknown, .requestStateUnknown])
        #expect(codes[-32601] == [.tasksListDenied])
        #expect(codes[5020]?.contains(.upstreamCredentialRejected) == true)
        #expect(codes[5030]?.contains(.overloaded) == true)
    }

    @Test func `a denial for an argument names it, as JSON can hold it`() throws {
        let text = RPCAnswer.errors(
            .argumentsDenied,
            argument: #"options.a"b"#,
            ids: [Array("1".utf8)],
            isBatch: false,
            requestID: Self.requestID
        )
        let answer = try #require(try JSONSerialization.jsonObject(with: Data(text)) as? [String: Any])
        let data = try #require((answer["error"] as? [String: Any])?["data"] as? [String: Any])
        #expect(data["argument"] as? String == #"options.a"b"#)
        #expect(data["reason"] as? String == "arguments_denied")
    }

    @Test func `a batch is answered by a batch`() {
        let text = RPCAnswer.errors(
            .toolDenied,
            ids: [Array("1".utf8), Array("2".utf8)],
            isBatch: true,
            requestID: Self.requestID
        )
        let batch = (try? JSONSerialization.jsonObject(with: Data(text))) as? [[String: Any]]
        #expect(batch?.map { $0["id"] as? Int } == [1, 2])
    }

    @Test(arguments: RPCMethod.allCases)
    func `every known method is found by its name`(method: RPCMethod) throws {
        guard method != .other else { return }
        let params = #"{"name":"x","uri":"y","ref":{"type":"z"}}"#
        let body = #"{"jsonrpc":"2.0","id":1,"method":"\#(method.name)","params":\#(params)}"#
        let known = try Array(body.utf8).withUnsafeBytes { bytes -> RPCMethod? in
            guard case .single(let message) = try RPCGate.scan(bytes, allowsBatch: false) else { return nil }
            return message.known
        }
        #expect(known == method)
    }
}
