import CurlClient
import Foundation
import GatehouseTestSupport
import Testing

/// The status page of a running instance in headless Chromium, as Debian's package `chromium` brings it.
@Suite(
    "The status page in a browser",
    .needsTools,
    .enabled(if: Chromium.path != nil, "no chromium: apt-get install chromium"),
    .timeLimit(.minutes(5))
)
struct BrowserTests {
    @Test func `shows its facts under its own policy, in both schemes`() async throws {
        let server = try await MCPServer.start(.two)
        let gateway = try await Instance.start(.environment, server)
        _ = try await gateway.request("/two", method: "POST", assertion: gateway.assertion(), body: "{}")
        let refused = try await gateway.request("/two", method: "POST", body: "{}")
        let id = try #require(refused.header("x-request-id"))
        var request = CurlRequest("http://localhost/")
        request.unixSocket = "\(gateway.folder.path)/admin.sock"
        request.timeout = .seconds(60)
        let page = try await CurlClient().perform(request)
        #expect(page.status == 200)
        #expect(page.body.text.contains(id))
        #expect(!page.body.text.contains(Instance.token))

        // A browser knows no unix sockets: the same bytes under the same fields from a port.
        let fields = ["content-type", "content-security-policy", "x-frame-options"].map { name in
            "\(name): \(page.header(name) ?? "")\r\n"
        }
        let head = "HTTP/1.1 200 OK\r\n\(fields.joined())content-length: \(page.body.text.utf8.count)\r\n"
        let listener = try RawListener()
        let answer = head + "connection: close\r\n\r\n" + page.body.text
        let answering = Task(executorPreference: BlockingExecutor.shared) {
            while !Task.isCancelled {
                guard let socket = try? listener.accept(within: 1) else { continue }
                // The browser also opens connections that it does not use.
                guard (try? socket.receive(through: "\r\n\r\n")) != nil else { continue }
                try? socket.send(answer)
                socket.close()
            }
        }
        defer { answering.cancel() }
        let folder = gateway.folder.path
        let shown = try await Chromium.load(listener.url, .light, in: folder, ["--dump-dom"])
        #expect(["<svg", "assertion_missing", id].allSatisfy { shown.output.contains($0) })
        #expect(!shown.errors.contains("Content Security Policy"), "\(shown.errors)")
        // How it is laid out at each width is held by the tests of the page itself.
        for scheme in Chromium.Scheme.allCases {
            let picture = "\(folder)/\(scheme).png"
            _ = try await Chromium.load(
                listener.url,
                scheme,
                in: folder,
                ["--window-size=1280,1600", "--screenshot=\(picture)"]
            )
            let size = try FileManager.default.attributesOfItem(atPath: picture)[.size] as? Int ?? 0
            // An empty page of this size is under 10 kB.
            #expect(size > 20_000, "\(scheme)")
        }
    }
}
