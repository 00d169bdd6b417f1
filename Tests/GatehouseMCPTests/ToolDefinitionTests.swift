import GatehouseCore
import GatehouseMCP
import GatehouseTestSupport
import Testing

/// Which entries of a list are the same tool to every reader.
@Suite struct ToolDefinitionTests {
    private static func definition(_ entry: String) -> ToolDefinition? {
        Array(entry.utf8).withUnsafeBytes { ToolDefinition(entry: $0) }
    }

    private static let plain = #"{"name":"get","description":"Gets.","inputSchema":{"type":"object","maximum":10}}"#

    @Test(arguments: [
        #" { "inputSchema" : {"maximum":1e1, "type":"object"}, "name":"get", "description" : "Gets." } "#,
        #"{"n\u0061me":"g\u0065t","description":"\u0047ets.","inputSchema":{"maximum":10.0,"type":"object"}}"#,
        // What is no part of it, whatever it says and however odd.
        #"{"name":"get","icons":[{"src":"x"}],"description":"Gets.","_meta":{"a":1,"a":"\ud800"},"inputSchema":{"type":"object","maximum":10}}"#,
    ])
    func `another spelling is the same definition`(entry: String) throws {
        let plain = try #require(Self.definition(Self.plain))
        #expect(Self.definition(entry) == plain)
        #expect(plain.name.description == "get")
        #expect(
            String(decoding: plain.canonical, as: UTF8.self)
                == #"{"description":"Gets.","inputSchema":{"maximum":10,"type":"object"},"name":"get"}"#
        )
    }

    @Test(arguments: [
        #"{"name":"get","description":"Gets. ","inputSchema":{"type":"object","maximum":10}}"#,
        #"{"name":"get","description":"Gets\u200b.","inputSchema":{"type":"object","maximum":10}}"#,
        #"{"name":"get","description":"Gets.","title":null,"inputSchema":{"type":"object","maximum":10}}"#,
        #"{"name":"get","description":"Gets.","title":"","inputSchema":{"type":"object","maximum":10}}"#,
        #"{"name":"get","description":"Gets.","annotations":{},"inputSchema":{"type":"object","maximum":10}}"#,
        #"{"name":"get","description":"Gets.","outputSchema":{},"inputSchema":{"type":"object","maximum":10}}"#,
        #"{"name":"get","description":"Gets.","inputSchema":{"type":"object","maximum":11}}"#,
        #"{"name":"get","description":"Gets.","inputSchema":{"type":["object"],"maximum":10}}"#,
        #"{"name":"get","description":"Gets."}"#,
    ])
    func `another word is another definition`(entry: String) throws {
        #expect(try #require(Self.definition(entry)).digest != Self.definition(Self.plain)?.digest)
    }

    @Test(arguments: [
        "[]", "", "null", #"{"description":"x"}"#, #"{"name":1}"#, #"{"name":""}"#, #"{"name":"get "}"#,
        #"{"name":"g\u200bet"}"#, #"{"name":"ｇet"}"#, #"{"name":"a","name":"b"}"#, #"{"name":"a","n\u0061me":"a"}"#,
        #"{"name":"a","Name":"b"}"#, #"{"name":"a","description":"x","Description":"y"}"#,
        #"{"name":"a","inputSchema":{},"input_schema":{}}"#, #"{"name":"a","description":"x","description ":"y"}"#,
        #"{"name":"a","description":"x","description":"x"}"#, #"{"name":"a","inputSchema":{"a":1,"a":1}}"#,
        #"{"name":"a","inputSchema":{"x":{"\u0061":1,"a":1}}}"#, #"{"name":"a","description":"\ud800"}"#,
        #"{"name":"a","inputSchema":{"maximum":1e999}}"#, #"{"name":"a"}{"#, #"{"name":"a","TITLE":"b"}"#,
        "{\"name\":\"a\",\"inputSchema\":" + String(repeating: "[", count: 64) + String(repeating: "]", count: 64)
            + "}",
        #"{"name":"a","description":""# + String(repeating: "x", count: 128 << 10) + #""}"#,
    ])
    func `an entry that two readers could take for different tools is none`(entry: String) {
        #expect(Self.definition(entry) == nil)
    }
}
