import GatehouseCore
import Testing

@Suite struct OriginTests {
    @Test(arguments: [
        "chrome-extension://fcjkafhgbcgjbgkkbocmbmkecgjcgabc", "moz-extension://2f7c1b6e-5f35-4a3b-9d1b-3b1d4a8a1c11",
        "vscode-file://vscode-app", "app://obsidian.md", "tauri://localhost", "capacitor://localhost:8080",
    ])
    func `a program's pages have an origin of its own scheme`(origin: String) throws {
        let parsed = try Origin(parsing: origin)
        #expect(parsed.text == origin)
        let cors = CORS(origins: [parsed])
        #expect(Array(origin.utf8).withUnsafeBytes { cors.position(of: $0) } == 0)
        #expect(Array("\(origin)x".utf8).withUnsafeBytes { cors.position(of: $0) } == nil)
    }

    @Test(arguments: [
        ("https://App.Example.com:443", "https://app.example.com"), ("http://localhost:5173", "http://localhost:5173"),
    ])
    func `an origin of the web is written as browsers send it`(origin: String, text: String) throws {
        #expect(try Origin(parsing: origin).text == text)
    }

    @Test(arguments: [
        "", "null", "*", "app", "app:", "app://", "app:/x", "://x", "1app://x", "App://x", "a pp://x", "app://x/y",
        "app://u@x",
        "app://x y", "app://x\ny", "app://x\"", "app://x\\y", "app://ü", "file://x", "data://x", "javascript://x",
        "https://",
        "https://x/y",
    ])
    func `what no browser sends as an origin is refused`(origin: String) {
        #expect(throws: InvalidValue.self) { try Origin(parsing: origin) }
    }
}
