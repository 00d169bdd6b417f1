import Foundation
import GatehouseConfig
import GatehouseCore
@testable import GatehouseOperations
@testable import GatehouseServer
import GatehouseTestSupport
import SQLiteClient
import Testing

/// The doctor's findings about servers: servers on loopback stand in for Access, upstreams and databases.
@Suite(.timeLimit(.minutes(2))) struct TheDoctorsProbes {
    private static let keys = String(decoding: TestIssuer().jwkSet, as: UTF8.self)

    private static func date(_ time: Timestamp) -> String {
        let format = DateFormatter()
        format.locale = Locale(identifier: "en_US_POSIX")
        format.timeZone = TimeZone(identifier: "GMT")
        format.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
        return format.string(from: Date(timeIntervalSince1970: Double(time.seconds)))
    }

    // MARK: - Access

    /// Far enough from the bounds (`clock_skew` is 30 s) that a slow machine moves none of them over one.
    @Test(arguments: [
        (0, Finding.Verdict.ok), (3600, .fail), (-3600, .fail),
    ])
    func `tells how far the clock is from that of Access`(skew: Int, verdict: Finding.Verdict) async throws {
        let server = try await LoopbackHTTP.start { _ in
            // Now, and not when the test began: other tests may have taken its time since.
            LoopbackHTTP.Answer(200, Self.keys, [("Date", Self.date(SystemClock().now() + Duration.seconds(skew)))])
        }
        let found = await Doctor(try DoctorFixture().configuration(certs: server.url)).certs()
        #expect(found.map(\.probe) == [.certs, .clock])
        #expect(found[0].verdict == .ok)
        #expect(found[1].verdict == verdict, "\(found[1].detail)")
        if skew != 0 { #expect(found[1].detail.contains(skew > 0 ? "behind" : "ahead of")) }
        await server.close()
    }

    @Test func `warns when Access gives no date`() async throws {
        let server = try await LoopbackHTTP.start { _ in LoopbackHTTP.Answer(200, Self.keys) }
        let found = await Doctor(try DoctorFixture().configuration(certs: server.url)).certs()
        #expect(found.map(\.verdict) == [.ok, .warn])
        await server.close()
    }

    @Test(arguments: [
        (404, #"{"keys":[]}"#), (200, #"{"keys":[]}"#), (200, "<html>sign in</html>"),
    ])
    func `fails on what is no key set`(status: Int, body: String) async throws {
        let server = try await LoopbackHTTP.start { _ in LoopbackHTTP.Answer(status, body) }
        let found = await Doctor(try DoctorFixture().configuration(certs: server.url)).certs()
        #expect(found.first?.probe == .certs && found.first?.verdict == .fail && found.first?.advice != nil)
        await server.close()
    }

    @Test(arguments: [
        (400, Finding.Verdict.ok), (401, .ok), (403, .ok), (200, .warn), (302, .fail), (500, .fail), (0, .fail),
    ])
    func `tells whether an identity endpoint answers`(status: Int, verdict: Finding.Verdict) async throws {
        let asked = Watched(0)
        let server = try await LoopbackHTTP.start { request in
            asked.update { $0 += 1 }
            return .init(request.header("cookie") == nil ? status : 599, "{}", [("Location", "http://127.0.0.1:1/")])
        }
        if status == 0 { await server.close() }
        func configuration(_ access: String) throws -> Configuration {
            try DoctorFixture().configuration(
                access: ", groups: { claim: g }, identity: { fetch: \(access), url: \"\(server.url)\" }",
                route: "allow: [ { groups: [staff] } ]"
            )
        }
        #expect(await Doctor(try configuration("false")).identity().isEmpty && asked.read { $0 } == 0)
        let found = await Doctor(try configuration("true")).identity()
        #expect(found.map(\.probe) == [.identity] && found.map(\.verdict) == [verdict], "\(found)")
        #expect(verdict == .ok || found[0].advice != nil)
        if status != 0 { await server.close() }
    }

    @Test func `warns of keys that it cannot use`() async throws {
        let odd = #"{"keys":[\#(TestIssuer.firstKey.jwk),{"kid":"two","kty":"EC"}]}"#
        let server = try await LoopbackHTTP.start { _ in LoopbackHTTP.Answer(200, odd) }
        let found = await Doctor(try DoctorFixture().configuration(certs: server.url)).certs()
        #expect(found.first?.verdict == .warn)
        await server.close()
    }

    // MARK: - Store and tokens

    @Test func `fails on a token that no variable gives, and says which command sets it`() async throws {
        let without = try DoctorFixture().configuration(store: "{ kind: env }")
        let (missing, _) = await Doctor(without).store()
        #expect(missing.filter { $0.probe == .token }.map(\.verdict) == [.fail])
        #expect(missing.last?.subject == "coda")
    }

    @Test(arguments: [(200, Finding.Verdict.ok), (401, .fail), (403, .fail), (500, .warn)])
    func `asks the vendor whether a token is good`(status: Int, verdict: Finding.Verdict) async throws {
        let secret = "token-of-the-test"
        let server = try await LoopbackHTTP.start { request in
            LoopbackHTTP.Answer(request.header("authorization") == "Bearer \(secret)" ? status : 418, "{}")
        }
        let probe = #"probe: { url: "\#(server.url)", headers: { Authorization: "Bearer {token}" }, expect: 200 }"#
        let configuration = try DoctorFixture().configuration(route: probe)
        let value = try TokenValue(validating: Secret(secret), version: 1)
        let token = try TokenName(parsing: "coda")
        let found = await Doctor(configuration).credentials([token: value])
        #expect(found.map(\.probe) == [.credential])
        #expect(found.map(\.verdict) == [verdict])
        #expect(!"\(found)".contains(secret))
        await server.close()
    }

    // MARK: - Audit

    @Test func `takes a database without events for one that nothing has happened in`() throws {
        let fixture = try DoctorFixture()
        _ = try SQLiteConnection(path: "\(fixture.path)/audit.db", access: .create).execute("CREATE TABLE other (a)")
        let found = Doctor(try fixture.configuration()).auditSink()
        #expect(found.map(\.verdict) == [.ok])
        #expect(found.first?.detail == "holds no events yet")
    }

    @Test func `fails on a sink that is no database, that cannot be made, or that nobody answers for`() throws {
        let fixture = try DoctorFixture()
        try fixture.write("this is not a database, however long it goes on", to: "audit.db")
        let nowhere = "{ kind: sqlite, path: \(fixture.path)/not/there/audit.db }"
        let dead = try DeadPort()
        let silent = "{ kind: postgres, url: \"postgres://gatehouse:${PASSWORD}@127.0.0.1:\(dead.number)/gatehouse\" }"
        for sink in [nil, nowhere, silent] {
            let found = Doctor(try fixture.configuration(sink: sink, environment: ["PASSWORD": "x"])).auditSink()
            #expect(found.map(\.probe) == [.auditSink])
            #expect(found.map(\.verdict) == [.fail], "\(sink ?? "a file of words")")
            #expect(found.first?.advice != nil)
        }
        #expect(Doctor(try fixture.configuration(sink: "{ kind: none }")).auditSink().map(\.verdict) == [.warn])
    }

    // MARK: - Listeners

    @Test func `fails on a port that another program has`() async throws {
        let other = try RawListener()
        let address = String(other.url.dropFirst("http://".count))
        let fixture = try DoctorFixture()
        defer { withExtendedLifetime(fixture) {} }
        for (listen, admin, probe) in [(address, nil, Finding.Probe.listener), (nil, address, .admin)] {
            let found = await Doctor(try fixture.configuration(listen: listen, admin: admin)).listeners()
            #expect(found.filter { $0.verdict == .fail }.map(\.probe) == [probe])
        }
    }

    @Test func `fails on a socket whose folder is not there`() async throws {
        let fixture = try DoctorFixture()
        defer { withExtendedLifetime(fixture) {} }
        let configuration = try fixture.configuration(listen: "unix:/nowhere/gatehouse/proxy.sock")
        let found = await Doctor(configuration).listeners()
        #expect(found.filter { $0.verdict == .fail }.map(\.probe) == [.listener])
    }

    @Test func `fails on an instance that is not ready, and names what is missing`() async throws {
        let answer = #"{"ready":false,"checks":{"keys":{"ready":false,"detail":"none yet"}}}"#
        let server = try await LoopbackHTTP.start { _ in LoopbackHTTP.Answer(503, answer) }
        let admin = String(server.url.dropFirst("http://".count))
        let fixture = try DoctorFixture()
        defer { withExtendedLifetime(fixture) {} }
        let found = await Doctor(try fixture.configuration(admin: admin)).listeners()
        let failed = found.filter { $0.verdict == .fail }
        #expect(failed.map(\.probe) == [.admin])
        #expect(failed.first?.detail.contains("keys: none yet") == true)
        await server.close()
    }

    @Test(arguments: [(false, Finding.Verdict.warn), (true, .ok)])
    func `warns of a listener that other machines reach, but not in a container`(
        isContained: Bool,
        verdict: Finding.Verdict
    ) async throws {
        let fixture = try DoctorFixture()
        defer { withExtendedLifetime(fixture) {} }
        let configuration = try fixture.configuration(listen: "0.0.0.0:0")
        let found = await Doctor(configuration, isContained: isContained).listeners()
        #expect(found.filter { $0.probe == .listener }.map(\.verdict) == [verdict])
    }

    @Test func `fails on an upstream that offers what is no TLS`() async throws {
        let server = try await LoopbackHTTP.start { _ in LoopbackHTTP.Answer(200, "{}") }
        let secure = server.url.replacingOccurrences(of: "http:", with: "https:")
        for (upstream, verdict) in [(server.url, Finding.Verdict.ok), (secure, .fail)] {
            let configuration = try DoctorFixture().configuration(upstream: upstream)
            let found = await Doctor(configuration).upstream(configuration.routes.routes[0])
            #expect(found.probe == .upstream && found.verdict == verdict, "\(upstream): \(found.detail)")
        }
        await server.close()
    }

    @Test(arguments: [("", Finding.Verdict.fail), ("upstream_tls: { ca: CA }", .ok)])
    func `takes an upstream's certificate from the authority that its route names`(
        route: String,
        verdict: Finding.Verdict
    ) async throws {
        let server = try await LoopbackHTTP.start(.loopback) { _ in LoopbackHTTP.Answer(200, "{}") }
        let fixture = try DoctorFixture()
        defer { withExtendedLifetime(fixture) {} }
        try fixture.write(TestCertificate.loopback.certificate, to: "authority.pem")
        let configuration = try fixture.configuration(
            upstream: server.url,
            route: route.replacingOccurrences(of: "CA", with: "\(fixture.path)/authority.pem")
        )
        let found = await Doctor(configuration).upstream(configuration.routes.routes[0])
        #expect(found.probe == .upstream && found.verdict == verdict, "\(found.detail)")
        await server.close()
    }
}
