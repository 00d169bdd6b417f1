import GatehouseCore
import Testing

/// The canonical form of RFC 8785, by its own examples.
@Suite struct CanonicalJSONTests {
    private static func canonical(_ text: String) throws -> String {
        let bytes = try Array(text.utf8).withUnsafeBytes { bytes in
            var scanner = try JSONScanner(bytes)
            var canonical = CanonicalJSON()
            try canonical.append(&scanner)
            try scanner.finish()
            return canonical.bytes
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Appendix B.
    @Test(
        arguments: [
            (0x0000_0000_0000_0000, "0"), (0x8000_0000_0000_0000, "0"), (0x0000_0000_0000_0001, "5e-324"),
            (0x8000_0000_0000_0001, "-5e-324"), (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
            (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"), (0x4340_0000_0000_0000, "9007199254740992"),
            (0xc340_0000_0000_0000, "-9007199254740992"), (0x4430_0000_0000_0000, "295147905179352830000"),
            (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"), (0x44b5_2d02_c7e1_4af6, "1e+23"),
            (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"), (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
            (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"), (0x444b_1ae4_d6e2_ef50, "1e+21"),
            (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"), (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
            (0x41b3_de43_5555_5553, "333333333.3333332"), (0x41b3_de43_5555_5554, "333333333.33333325"),
            (0x41b3_de43_5555_5555, "333333333.3333333"), (0x41b3_de43_5555_5556, "333333333.3333334"),
            (0x41b3_de43_5555_5557, "333333333.33333343"), (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
            (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
        ] as [(UInt64, String)]
    )
    func `numbers are written as ECMAScript does`(bits: UInt64, text: String) throws {
        #expect(try Self.canonical(Double(bitPattern: bits).description) == text)
        #expect(try Self.canonical(text) == text)
    }

    @Test(arguments: [
        ("4.50", "4.5"), ("2e-3", "0.002"), ("1E30", "1e+30"), ("0.000000000000000000000000001", "1e-27"),
        ("1e2", "100"), ("10e20", "1e+21"), ("123456789012345678901", "123456789012345680000"), ("-0", "0"),
        ("-1.50e+0", "-1.5"), ("1.0", "1"), ("1e-400", "0"), ("0.1e1", "1"),
        ("9223372036854775807", "9223372036854776000"),
    ])
    func `a number has one spelling`(written: String, text: String) throws {
        #expect(try Self.canonical(written) == text)
    }

    /// Sections 3.2.2 and 3.2.3.
    @Test func `members are in the order of UTF-16, strings have few escapes, and no white space is left`() throws {
        #expect(
            try Self.canonical(
                #"""
                { "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
                  "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/", "literals": [null, true, false] }
                """#
            )
                == #"{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}"#
        )
        #expect(
            try Self.canonical(
                #"{"\u20ac":1,"\r":2,"\ufb33":3,"1":4,"\ud83d\ude00":5,"\u0080":6,"\u00f6":7}"#
            ) == "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"ö\":7,\"€\":1,\"😀\":5,\"\u{fb33}\":3}"
        )
        #expect(
            try Self.canonical(#"{"b":[ ],"a":{ },"":"\u0008\u007f\u001f\f\t"}"#)
                == "{\"\":\"\\b\u{7f}\\u001f\\f\\t\",\"a\":{},\"b\":[]}"
        )
        // Two names to a server, one to Swift's comparison.
        #expect(try Self.canonical(#"{"\u00e9":1,"e\u0301":2}"#) == "{\"e\u{301}\":2,\"\u{e9}\":1}")
    }

    @Test(arguments: [
        #"{"a":1,"\u0061":2}"#, "1e400", #""\ud800""#, #"{"a":{"b":1,"b":1}}"#, "", "[1,]", "nul", "{\"a\":\u{1}}",
        String(repeating: "[", count: 65) + String(repeating: "]", count: 65), String(repeating: "1", count: 401),
    ])
    func `what readers could take for different values has none`(text: String) {
        #expect(throws: JSONFault.self) { try Self.canonical(text) }
    }
}
