import CurlClient
import Foundation
import GatehouseTestSupport
import Testing

/// A failure is named with cause and remedy in the log, on /readyz, by `gatehouse status` and on the status page within five seconds.
@Suite("A failure is named", .needsTools, .serialized, .timeLimit(.minutes(5)))
struct NamedFailureTests {
    /// From the failure to the last of the four places; time that the machine gave to others does not count.
    private static let limit: Duration = .seconds(5)

    @Test(arguments: NamedFailure.all)
    func `in each place, within five seconds`(failure: NamedFailure) async throws { try await expectNamed(failure) }

    @Test(.enabled(if: getuid() == 0, "only root may give a file to another user"))
    func `whose a file is that Gatehouse may not use`() async throws { try await expectNamed(.foreignFile) }

    private func expectNamed(_ failure: NamedFailure) async throws {
        let folder = try Tools.Folder()
        for name in ["sink", "spool"] {
            try FileManager.default.createDirectory(atPath: "\(folder.path)/\(name)", withIntermediateDirectories: true)
        }
        // The known answer of a key's text, with its check digits.
        try folder.write("ghk1_000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1fd50650a5", to: "key")
        chmod("\(folder.path)/key", 0o600)
        let nobody = try DeadPort()
        let issuer = TestIssuer()
        let keys = issuer.jwkSet
        let server = try await LoopbackHTTP.start { request in
            switch request.target {
            case "/certs": LoopbackHTTP.Answer(200, keys)
            case "/nothing": LoopbackHTTP.Answer(404, "{}")
            case "/ill", "/ill/": LoopbackHTTP.Answer(503, "{}")
            case "/rejects", "/rejects/": LoopbackHTTP.Answer(401, "{}")
            case _: LoopbackHTTP.Answer(200, "{}")
            }
        }
        var draft = NamedFailure.Draft(
            certs: "\(server.url)/certs",
            sink: "{ kind: sqlite, path: \(folder.path)/audit.db }",
            routes: [NamedFailure.Draft.route("one", server.url)],
            folder: folder.path,
            server: server.url,
            deadPort: nobody.number
        )
        failure.draft(&draft)
        if let prepares = failure.prepares {
            try folder.write(draft.yaml, to: "gatehouse.yaml")
            try await prepares("\(folder.path)/gatehouse.yaml")
        }
        let isUnlinked = failure.testDescription == NamedFailure.unlinkedFile
        var start = ContinuousClock.now
        let instance = try NamedFailure.Fixture(draft, folder, issuer, unlinked: isUnlinked)
        if let happens = failure.happens {
            try await instance.process.eventually { (try? await instance.page("/readyz"))?.status == 200 }
            // Nothing is wrong yet, so that what is named is what happens now.
            for words in failure.words(instance).suffix(1) {
                for place in NamedFailure.Fixture.places { #expect(!(await instance.text(of: place)).contains(words)) }
            }
            try await failure.nears?(instance)
            start = .now
            try await happens(instance)
        }
        let withheld = instance.withheld
        let words = failure.words(instance)
        var missing = NamedFailure.Fixture.places
        var texts: [String: String] = [:]
        let end = ContinuousClock.now + Self.limit * 6
        try await instance.process.eventually {
            for place in missing {
                let text = await instance.text(of: place)
                texts[place] = text
                if words.allSatisfy({ text.contains($0) }) { missing.removeAll { $0 == place } }
            }
            return missing.isEmpty || ContinuousClock.now > end
        }
        for place in missing {
            let absent = words.filter { !(texts[place] ?? "").contains($0) }
            Issue.record("\(place) lacks \(absent): \((texts[place] ?? "").suffix(2000))")
        }
        let took = ContinuousClock.now - start
        #expect(took - max(.zero, instance.withheld - withheld) < Self.limit, "took \(took)")
        #expect(try await instance.page("/readyz").status == failure.status)
        for line in failure.log { #expect(await instance.text(of: "log").contains(line)) }
        await server.close()
    }

    @Test func `refusals of callers are in the log at info, with reason and count`() async throws {
        let server = try await MCPServer.start(.two)
        let gateway = try await Instance.start(.environment, server)
        #expect(try await gateway.request("/two").status == 401)
        try await gateway.eventually {
            let log = gateway.process.errors.text
            return log.contains("requests refused") && log.contains("assertion_missing")
        }
    }

    @Test func `each request is in the access log when the configuration asks for it, from a reload on`() async throws {
        let server = try await MCPServer.start(.two)
        let gateway = try await Instance.start(.environment, server)
        let yaml = try String(contentsOfFile: gateway.configuration, encoding: .utf8)
        try gateway.folder.write(yaml + "log: { requests: all }\n", to: "gatehouse.yaml")
        try await gateway.eventually {
            _ = try await gateway.request("/two", method: "POST", assertion: gateway.assertion(), body: "{}")
            return gateway.process.errors.text.contains(#""duration_us":"#)
        }
    }
}
