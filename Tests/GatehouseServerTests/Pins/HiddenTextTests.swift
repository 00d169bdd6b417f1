import GatehouseCore
import Testing

/// What a person would not see of a definition, and a model reads.
@Suite struct HiddenTextTests {
    @Test(arguments: [
        ("plain é 世界 😀", "plain é 世界 😀"), ("a\u{200b}b", "a\\u{200b}b"), ("a\u{202e}b", "a\\u{202e}b"),
        ("a\u{1b}[31mb", "a\\u{1b}[31mb"), ("\u{e0041}", "\\u{e0041}"), ("a\u{fe0f}", "a\\u{fe0f}"),
        ("a\u{3164}", "a\\u{3164}"), ("a\u{a0}b", "a\\u{a0}b"), ("\u{2028}", "\\u{2028}"), ("\u{e000}", "\\u{e000}"),
        ("\u{85}", "\\u{85}"),
    ])
    func `it is shown as escapes`(text: String, shown: String) {
        #expect(HiddenText.shown(text) == shown)
        #expect(HiddenText.warnings(of: text).isEmpty == (text == shown))
    }

    @Test func `a definition is lines of values, and what is hidden in it is told with its place`() {
        let canonical = Array(
            "{\"description\":\"One.\\nTwo\u{e0068}\u{e0069}.\",\"inputSchema\":{\"properties\":{\"a\u{200b}\":{\"enum\":[\"x\",1,null,true]}},\"required\":[]},\"name\":\"t\"}"
                .utf8
        )
        #expect(
            DefinitionLines.of(canonical) == [
                "description: One.", "description | Two\\u{e0068}\\u{e0069}.",
                "inputSchema.properties.a\\u{200b}.enum[0]: x", "inputSchema.properties.a\\u{200b}.enum[1]: 1",
                "inputSchema.properties.a\\u{200b}.enum[2]: null", "inputSchema.properties.a\\u{200b}.enum[3]: true",
                "inputSchema.required: []", "name: t",
            ]
        )
        #expect(
            DefinitionLines.hidden(in: canonical) == [
                "description has 2 characters of the block of tags, which spell \"hi\"",
                "the name inputSchema.properties.a\\u{200b} has 1 character that are not seen",
            ]
        )
        #expect(DefinitionLines.of([]).isEmpty)
    }
}
