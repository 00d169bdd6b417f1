import GatehouseCore
import Testing

@testable import GatehouseMCP

@Suite struct TraceMemberTests {
    private static let value = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    @Test(
        arguments: [
            (#"{"params":{"arguments":{"_meta":{"traceparent":"no"}},"_meta":{"a":[1],"traceparent":"VALUE"}}}"#, true),
            (
                #"{"params":{"_meta":{"traceparent":"00\u002d4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}}}"#,
                true
            ),
            (#"{"_meta":{"traceparent":"VALUE"}}"#, false), (#"{"params":{"traceparent":"VALUE"}}"#, false),
            (#"{"params":{"arguments":{"_meta":{"traceparent":"VALUE"}}}}"#, false),
            (#"{"params":{"_meta":{"traceparent":1}}}"#, false), (#"{"params":{"_meta":{"traceparent":"x"}}}"#, false),
            (#"{"params":{"_meta":[]}}"#, false), (#"{"params":[]}"#, false), ("[]", false), ("", false),
            (#"{"params":{"_meta":{"traceparent":"VALUE"#, false),
            (#"{"params":{"_meta":{}},"traceparent":"VALUE"}"#, false),
            (#"{"params":{"_meta":{},"traceparent":"VALUE"}}"#, false),
            (#"{"params":{},"_meta":{"traceparent":"VALUE"}}"#, false),
        ]
    )
    func `the span stands in the _meta of params and nowhere else`(text: String, isThere: Bool) {
        let bytes = Array(text.replacing("VALUE", with: Self.value).utf8)
        #expect((bytes.withUnsafeBytes { TraceMember.parent(in: $0) } != nil) == isThere)
    }
}
