import CurlClient
import GatehouseOperations
import GatehouseServer
import Glibc
import Synchronization
import Testing

// One after the other, so that the folder of a demo is the only one of this process.
@Suite(.serialized) struct TheDemo {
    /// The demo's output, line by line.
    private final class Listener: Sendable {
        private let heard = Mutex<[String]>([])
        var lines: [String] { heard.withLock { $0 } }
        func hear(_ line: String) { heard.withLock { $0.append(line) } }
    }

    /// Lines of each numbered step, by number.
    private static func steps(_ lines: [String]) -> [Int: [String]] {
        var steps: [Int: [String]] = [:]
        var current: Int?
        for line in lines {
            let digits = line.prefix { $0.isNumber }
            if let number = Int(digits), line.dropFirst(digits.count).hasPrefix(". ") { current = number }
            if let current { steps[current, default: []].append(line) }
        }
        return steps
    }

    @Test(.timeLimit(.minutes(4))) func `the demo names every step, and does what it names`() async throws {
        let listener = Listener()
        try await Demo(usesColor: false) { listener.hear($0) }.run()
        let lines = listener.lines
        let steps = Self.steps(lines)
        #expect(steps.keys.sorted() == [1, 2, 3, 4, 5, 6])
        func said(_ step: Int, _ words: String...) -> Bool {
            let text = steps[step, default: []].joined(separator: "\n")
            return words.allSatisfy(text.contains)
        }
        #expect(said(1, "200", "X-Demo-Api-Key", "first-demo-token"))
        #expect(said(2, "401", "unauthenticated"))
        #expect(said(3, "401", "unauthenticated"))
        #expect(said(4, "403", "forbidden"))
        #expect(said(5, "version 2", "fingerprint", "second-demo-token", "connection kept"))
        #expect(said(6, "assertion_missing", "assertion_expired", "principal_denied", "token demo v1", "token demo v2"))
        #expect(lines.allSatisfy { !$0.unicodeScalars.contains("\u{1B}") })
    }

    @Test(.timeLimit(.minutes(4))) func `the demo colours its text only when asked`() async throws {
        let listener = Listener()
        try await Demo(usesColor: true) { listener.hear($0) }.run()
        #expect(listener.lines.contains { $0.contains("\u{1B}[1m") })
        // Whatever is switched on in a line is switched off in it.
        #expect(listener.lines.allSatisfy { !$0.contains("\u{1B}[") || $0.contains("\u{1B}[0m") })
    }

    @Test(.timeLimit(.minutes(4))) func `the demo keeps serving the lines it invites to try`() async throws {
        let listener = Listener()
        let answers = Mutex<[Int]>([])
        let places = Mutex<(page: Bool, file: Bool)>((false, false))
        try await Demo(usesColor: false) { listener.hear($0) }
            .run(lingering: {
                let text = listener.lines.joined(separator: "\n")
                if let page = text.firstMatch(of: /status page +(http:\S+)/)?.1,
                    let file = text.firstMatch(of: /configuration +(\/\S+)/)?.1
                {
                    let answer = try? await CurlClient().perform(CurlRequest(String(page)))
                    let isThere = access(String(file), R_OK) == 0
                    places.withLock { $0 = (answer?.body.text.contains("<title>") ?? false, isThere) }
                }
                guard let assertion = text.firstMatch(of: /assertion='([^']+)'/)?.1,
                    let url = text.firstMatch(of: /curl -s (http:\S+)/)?.1
                else { return }
                for field in [[CurlHeader("Cf-Access-Jwt-Assertion", String(assertion))], []] {
                    let body = CurlBody(#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#)
                    let headers = field + [CurlHeader("Content-Type", "application/json")]
                    let request = CurlRequest(String(url), method: "POST", headers: headers, body: body)
                    let status = (try? await CurlClient().perform(request))?.status ?? 0
                    answers.withLock { $0.append(status) }
                }
            })
        #expect(answers.withLock { $0 } == [200, 401])
        #expect(places.withLock { $0 } == (true, true))
    }

    @Test(.timeLimit(.minutes(4))) func `the demo leaves nothing behind when it is interrupted`() async throws {
        let folders = Mutex<Set<String>>([])
        let telling = Mutex<Task<Void, any Error>?>(nil)
        let (start, begin) = AsyncStream.makeStream(of: Void.self)
        let task = Task {
            for await _ in start { break }
            try await Demo(usesColor: false) { line in
                guard line.hasPrefix("5. ") else { return }
                folders.withLock { $0 = Self.openFolders() }
                telling.withLock { $0?.cancel() }
            }
            .run()
        }
        telling.withLock { $0 = task }
        begin.finish()
        await #expect(throws: (any Error).self) { try await task.value }
        let seen = folders.withLock { $0 }
        #expect(seen.count == 1)
        for folder in seen { #expect(access(folder, F_OK) != 0, "\(folder) is still there") }
    }

    /// The demos' folders in which this process has files open.
    private static func openFolders() -> Set<String> {
        var folders: Set<String> = []
        for descriptor in 0..<1024 {
            var target = [UInt8](repeating: 0, count: Int(PATH_MAX))
            let count = readlink("/proc/self/fd/\(descriptor)", &target, target.count)
            guard count > 0 else { continue }
            let path = String(decoding: target[..<count], as: UTF8.self)
            if let folder = path.firstMatch(of: /^.*\/gatehouse-demo-[A-Za-z0-9]{6}/)?.output {
                folders.insert(String(folder))
            }
        }
        return folders
    }
}
