import CurlClient
import Foundation
import GatehouseTestSupport
import Testing

/// Where secrets are in the memory of `gatehouse serve`, once it has served with them. Only root may look.
@Suite("Secrets in memory", .needsTools, .enabled(if: getuid() == 0, "only root reads it"), .timeLimit(.minutes(5)))
struct SecretMemoryTests {
    @Test(arguments: [Instance.Store.environment, .sqlite])
    func `stand in pages that no core has, and nowhere else`(store: Instance.Store) async throws {
        try await withTaskExecutorPreference(BlockingExecutor.shared) {
            let upstream = try CountingUpstream()
            defer { upstream.stop() }
            let route = """
                  - name: one
                    host: "*"
                    audience: ["\(TestIssuer.defaultAudience)"]
                    upstream: \(upstream.url)
                    protocol: http
                    inject: { Authorization: "Bearer {token}", X-Caller: "{principal}" }

                """
            let gateway = try await Instance.start(store, routes: route, tokens: ["one": Instance.token])
            let assertion = gateway.assertion()
            for _ in 0..<20 { #expect(try await gateway.request("/", assertion: assertion).status == 200) }
            // Reads the store anew, which makes every secret of it once more.
            for _ in 0..<3 {
                _ = try await gateway.command("reload")
                #expect(try await gateway.request("/", assertion: assertion).status == 200)
            }
            let memory = try ProcessMemory(of: gateway.process.pid)
            var wanted = ["the token": Array(Instance.token.utf8)]
            if store == .sqlite {
                let key = try String(contentsOfFile: "\(gateway.folder.path)/key", encoding: .utf8)
                wanted["the master key's text"] = Array(key.utf8.prefix(77))
                wanted["the master key"] = stride(from: 5, to: 69, by: 2).compactMap { at in
                    UInt8(key.dropFirst(at).prefix(2), radix: 16)
                }
            }
            for (name, bytes) in wanted {
                // The first thread's stack has what libraries leave there: one that binds a function late saves the registers, with what was copied last.
                #expect(
                    memory.places(of: bytes, excluded: false).filter { !$0.hasSuffix("[stack]") } == [],
                    "\(name)"
                )
            }
            #expect(memory.places(of: Array(Instance.token.utf8), excluded: true) != [])
            #expect(!memory.text("environ").contains(Instance.token))
            #expect(memory.text("coredump_filter") == "00000000\n")
        }
    }

    @Test func `are nowhere at all once they are replaced or taken away`() async throws {
        try await withTaskExecutorPreference(BlockingExecutor.shared) {
            let upstream = try CountingUpstream()
            defer { upstream.stop() }
            let routes = ["one", "own"].map { name in
                """
                  - name: \(name)
                    host: 127.0.0.1
                    path: /\(name)
                    audience: ["\(TestIssuer.defaultAudience)"]
                    upstream: \(upstream.url)
                    protocol: http
                    inject: { Authorization: "Bearer {token:\(name)}" }

                """
            }
            let (rotated, pasted) = ("rotated-token-58d2a06e41", "pasted-token-0b1d4f9c37")
            let personal = "tokens:\n  own: { per: person, connect: { kind: paste, help: Settings } }\n"
            let gateway = try await Instance.start(
                .sqlite,
                routes: routes.joined() + personal,
                tokens: ["one": rotated]
            )
            let ann = PersonalTokenTests.Visitor(gateway, Instance.user, subject: "sub-of-ann")
            #expect(try await ann.send("paste", "own", value: pasted).status == 303)
            /// Requests on both routes, on connections to all loops.
            func call() async throws -> [Int] {
                var statuses: [Int] = []
                for path in ["/one", "/own"] {
                    for _ in 0..<10 {
                        statuses.append(try await gateway.request(path, assertion: ann.assertion).status)
                    }
                }
                return statuses
            }
            try await Polling.until("both accounts") { try await call().allSatisfy { $0 == 200 } }
            #expect(try await ann.send("disconnect", "own").status == 303)
            try await Polling.until("the end of the account") { try await call().suffix(10).allSatisfy { $0 == 403 } }
            func isGone(_ secret: String) throws -> Bool {
                let memory = try ProcessMemory(of: gateway.process.pid)
                let places = [true, false].flatMap { memory.places(of: Array(secret.utf8), excluded: $0) }
                return places.allSatisfy { $0.hasSuffix("[stack]") }
            }
            // The loops are told one after the other.
            try await Polling.until("the pasted token") { try isGone(pasted) }
            // Answers are searched for two former versions of a token; with a third one the first is forgotten.
            var rotations = 0
            try await Polling.until("the third rotation") {
                rotations += 1
                _ = try await gateway.command("token", "rotate", "one", input: "another-token-\(rotations)")
                _ = try await call()
                return try isGone(rotated)
            }
            #expect(rotations > 2)
        }
    }
}

/// The memory of another process that it may write to, read from /proc.
struct ProcessMemory {
    private let folder: String
    private let mappings: [(place: MemoryMapping, bytes: Data)]

    init(of process: pid_t) throws {
        folder = "/proc/\(process)"
        let memory = open("\(folder)/mem", O_RDONLY)
        try #require(memory >= 0)
        defer { close(memory) }
        mappings = try MemoryMapping.all(of: "\(process)").filter(\.isWritable).map { mapping in
            let bytes = [UInt8](unsafeUninitializedCapacity: mapping.range.count) { bytes, count in
                count = max(0, pread(memory, bytes.baseAddress, bytes.count, off_t(mapping.range.lowerBound)))
            }
            return (mapping, Data(bytes))
        }
    }

    /// The mappings in which the bytes stand, once for each time.
    ///
    /// - Parameter excluded: whether those that are left out of cores are searched, or the others.
    func places(of wanted: [UInt8], excluded: Bool) -> [String] {
        mappings.filter { $0.place.isExcluded == excluded }.flatMap { mapping in
            var found: [String] = []
            var rest = mapping.bytes.startIndex..<mapping.bytes.endIndex
            while let place = mapping.bytes.range(of: Data(wanted), in: rest) {
                found.append(mapping.place.name)
                rest = place.upperBound..<rest.upperBound
            }
            return found
        }
    }

    func text(_ name: String) -> String {
        String(decoding: FileManager.default.contents(atPath: "\(folder)/\(name)") ?? Data(), as: UTF8.self)
    }
}
