import GatehouseCore
import Testing

@Suite struct FormFieldsTests {
    private func read(_ text: String) -> FormFields? { FormFields(text.utf8) }

    @Test func `fields are read as forms write them`() throws {
        let fields = try #require(read("a=1+2&b%20c=%26%3D%25&empty=&bare&&z=%C3%A9"))
        #expect(fields["a"] == "1 2")
        #expect(fields["b c"] == "&=%")
        #expect(fields["empty"] == "")
        #expect(fields["bare"] == "")
        #expect(fields["z"] == "é")
        #expect(fields["y"] == nil)
        #expect(fields.secret("a") == Secret("1 2"))
        #expect(fields.secret("z")?.count == 2)
        #expect(fields.secret("empty")?.count == 0)
        #expect(fields.secret("y") == nil)
    }

    @Test(arguments: ["a=1&a=2", "a=1&%61=2", "a=%", "a=%4", "a=%4g", "%=1", "%FF=1"])
    func `fields that two readers could read differently are refused`(text: String) {
        #expect(read(text) == nil)
    }

    @Test func `a value that is no text is a secret at most`() throws {
        let fields = try #require(read("a=%FF"))
        #expect(fields["a"] == nil)
        #expect(fields.secret("a")?.count == 1)
    }

    @Test func `fields have a bound`() {
        let many = (0..<FormFields.maximumCount).map { "f\($0)=" }.joined(separator: "&")
        #expect(read(many) != nil)
        #expect(read(many + "&more=") == nil)
    }
}
