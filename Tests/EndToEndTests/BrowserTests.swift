import CurlClient
import Foundation
import GatehouseTestSupport
import Testing

enum Browser {
    /// Nil where there is none.
    static let path: String? = ["/usr/bin/chromium", "/usr/bin/chromium-browser"]
        .first { FileManager.default.isExecutableFile(atPath: $0) }
}

/// The status page of a running instance in headless Chromium, as Debian's package `chromium` brings it.
@Suite(
    "The status page in a browser",
    .needsKit,
    .enabled(if: Browser.path != nil, "no chromium in the PATH: apt-get install chromium"),
    .timeLimit(.minutes(5))
)
struct BrowserTests {
    /// Runs the browser once on the page.
    private func browse(_ url: String, _ folder: String, _ arguments: [String]) async throws -> (String, String) {
        let common = [
            "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr",
            "--user-data-dir=\(folder)/browser-\(UUID().uuidString)",
        ]
        let process = try ChildProcess(
            try #require(Browser.path),
            common + arguments + [url],
            environment: ["HOME": folder, "LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"]
        )
        process.closeInput()
        _ = await process.exit()
        return (await process.output.whole, await process.errors.whole)
    }

    @Test func `shows its facts under its own policy, at every width and in both schemes`() async throws {
        let server = try await MCPServer.start(.two)
        let gateway = try await Gateway.start(.environment, server)
        _ = try await gateway.request("/two", method: "POST", assertion: gateway.assertion(), body: "{}")
        let refused = try await gateway.request("/two", method: "POST", body: "{}")
        let id = try #require(refused.header("x-request-id"))
        var request = CurlRequest("http://localhost/")
        request.unixSocket = "\(gateway.folder.path)/admin.sock"
        request.timeout = .seconds(60)
        let page = try await CurlClient().perform(request)
        #expect(page.status == 200)
        #expect(page.body.text.contains(id))
        #expect(!page.body.text.contains(Gateway.token))

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
        let (dom, log) = try await browse(listener.url, gateway.folder.path, ["--dump-dom"])
        #expect(dom.contains(id) && dom.contains("assertion_missing") && dom.contains("<svg"))
        #expect(!log.contains("Content Security Policy"), "\(log)")
        for (width, scheme) in [(1280, 1), (1280, 0), (390, 1), (390, 0)] {
            let picture = "\(gateway.folder.path)/\(width)-\(scheme).png"
            _ = try await browse(
                listener.url,
                gateway.folder.path,
                [
                    "--window-size=\(width),1600", "--blink-settings=preferredColorScheme=\(scheme)",
                    "--screenshot=\(picture)",
                ]
            )
            let size = try FileManager.default.attributesOfItem(atPath: picture)[.size] as? Int ?? 0
            // An empty page of this size is under 10 kB.
            #expect(size > 20_000, "\(width) \(scheme)")
        }
    }
}
