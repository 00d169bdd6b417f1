import GatehouseConfig
import GatehouseCore
import Testing

@Suite struct SubstitutionTests {
    private func audience(_ written: String, _ environment: Environment = [:]) throws -> Set<String> {
        try read(minimal("audience: [\"\(written)\"]", instead: "audience: [\(audienceTag)]"), environment).routes
            .routes[0]
            .audiences
    }

    @Test func `a variable stands for its value inside a scalar`() throws {
        #expect(try audience("a-${NAME}-b", ["NAME": "x"]) == ["a-x-b"])
        #expect(try audience("${A}${B}", ["A": "1", "B": "2"]) == ["12"])
    }

    @Test func `a default serves when the variable is unset or empty`() throws {
        #expect(try audience("${NAME:-other}") == ["other"])
        #expect(try audience("${NAME:-other}", ["NAME": ""]) == ["other"])
        #expect(try audience("${NAME:-other}", ["NAME": "x"]) == ["x"])
    }

    @Test func `two dollars before a brace stand for a plain one`() throws {
        #expect(try audience("$${NAME} costs 5$ or $x") == ["${NAME} costs 5$ or $x"])
    }

    @Test func `what a variable holds is not substituted again`() throws {
        #expect(try audience("${NAME}", ["NAME": "${OTHER}", "OTHER": "x"]) == ["${OTHER}"])
    }

    @Test(arguments: [
        "a, b", "a\"], host: evil.example.com, x: [\"b", "*alias", "&anchor", "!tag", "{ env: HOME }", "[a, b]",
        "# comment", "null", "5",
        "'", "%", "@", "`", "- a", "? a", ": a", "a: b",
    ])
    func `what a variable holds is a plain value, whatever it looks like`(value: String) throws {
        #expect(try audience("${NAME}", ["NAME": value]) == [value])
        let unquoted = minimal("audience:\n        - ${NAME}", instead: "audience: [\(audienceTag)]")
        #expect(try read(unquoted, ["NAME": value]).routes.routes[0].audiences == [value])
    }

    @Test(arguments: ["a\nb: c", "a\r\nroutes: []", "\u{0}", "\u{1B}[31m"])
    func `line breaks and control characters from a variable are refused as a value, not read as YAML`(value: String) {
        let found = problems(minimal("audience: [\"${NAME}\"]", instead: "audience: [\(audienceTag)]"), ["NAME": value])
        #expect(found.map(\.message) == ["what '${NAME}' stands for is not an AUD tag"])
    }

    @Test func `an unset variable is named`() {
        let found = problems(minimal("audience: [\"${NAME}\"]", instead: "audience: [\(audienceTag)]"))
        #expect(found.map(\.message) == ["the environment variable NAME is not set"])
        #expect(found.map(\.line) == [8])
    }

    @Test(arguments: ["${", "${}", "${NAME", "${1A}", "${A B}", "${A:B}", "${A-b}", "${A:-x"])
    func `a malformed substitution is an error`(written: String) {
        let found = problems(
            minimal("audience: [\"\(written)\"]", instead: "audience: [\(audienceTag)]"),
            ["NAME": "x", "A": "y"]
        )
        #expect(found.count == 1)
    }

    @Test func `a value that a variable made too long is refused`() {
        let long = String(repeating: "x", count: 70_000)
        let found = problems(minimal("audience: [\"${NAME}\"]", instead: "audience: [\(audienceTag)]"), ["NAME": long])
        #expect(found.map(\.message) == ["the value is longer than 65536 bytes"])
    }

    @Test func `numbers may come from variables`() throws {
        #expect(try read(minimal("threads: ${N}", instead: "threads: 2"), ["N": "3"]).threads == 3)
        #expect(problems(minimal("threads: ${N}", instead: "threads: 2"), ["N": "3 "]).count == 1)
    }

    @Test func `keys and comments are not substituted`() {
        #expect(problems(minimal + "# ${UNSET}\n").isEmpty)
        #expect(
            problems(minimal + "\"${UNSET}\": 1\n").map(\.message) == ["unknown key '${UNSET}' in the configuration"]
        )
    }
}
