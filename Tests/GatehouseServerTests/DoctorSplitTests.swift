import Foundation
import GatehouseAudit
import GatehouseConfig
@testable import GatehouseOperations
@testable import GatehouseServer
import GatehouseTestSupport
import PostgresClient
import Testing

/// An audit whose events a release before has split over two schemas.
@Suite(.timeLimit(.minutes(2))) struct DoctorSplitTests {
    private static let server = ProcessInfo.processInfo.environment["GATEHOUSE_TEST_POSTGRES"]

    @Test(.enabled(if: server != nil, "GATEHOUSE_TEST_POSTGRES names no database; deploy/test.sh starts one"))
    func `is named, with the command that heals it`() async throws {
        let server = try #require(Self.server)
        let admin = try await PostgresConnection.open(PostgresOptions(url: server))
        let name = "split_" + UUID().uuidString.lowercased().filter { $0 != "-" }
        try await admin.query("CREATE DATABASE \(name)")
        let url = try #require(server.range(of: "/", options: .backwards).map { server[..<$0.upperBound] + name })
        let fixture = try DoctorFixture()
        // A configuration holds no password.
        var parts = try #require(URLComponents(string: String(url)))
        let password = parts.password ?? ""
        parts.password = nil
        let plain = try #require(parts.string).replacing("@", with: ":${PASSWORD}@")
        let sink = "{ kind: postgres, url: \"\(plain)\" }"
        let doctor = Doctor(try fixture.configuration(sink: sink, environment: ["PASSWORD": password]))
        _ = try AuditAssembly.keeper(doctor.configuration.audit).open()
        #expect(doctor.auditSink().first?.verdict == .ok)

        let session = try await PostgresConnection.open(PostgresOptions(url: String(url)))
        let user = try #require(try await session.query("SELECT quote_ident(CURRENT_USER)").first).text(0)
        try await session.query("CREATE SCHEMA AUTHORIZATION CURRENT_USER")
        try await session.query("CREATE TABLE \(user).audit_events (seq bigint)")
        try await session.query("INSERT INTO \(user).audit_events VALUES (1)")
        let finding = try #require(doctor.auditSink().first)
        #expect(finding.verdict == .fail)
        #expect(
            finding.detail.contains("audit events stand in two schemas, public and \(user): `gatehouse audit prune`")
        )
        await session.close()
        try await admin.query("DROP DATABASE \(name) WITH (FORCE)")
    }
}
