import CurlClient
import Foundation
import GatehouseTestSupport
import Testing

/// Groups and claims of assertions that another library has signed, through the binary.
@Suite("Groups and claims of an assertion", .needsAuthlib, .timeLimit(.minutes(3)))
struct GroupTests {
    static func route(_ name: String, _ upstream: String, _ keys: String) -> String {
        """
          - name: \(name)
            host: "*"
            path: /\(name)
            audience: ["\(TestIssuer.defaultAudience)"]
            upstream: \(upstream)
            protocol: http
        \(keys)

        """
    }

    /// Assertions of many people, with all kinds of groups and claims, and answers of an identity endpoint about them.
    static func minted(for gateway: Instance) async throws -> [JSON] {
        let minting = try ChildProcess(
            try #require(Tools.pythonAuthorization),
            [Tools.script("mint.py"), gateway.issuer.key.id, TestIssuer.defaultIssuer, TestIssuer.defaultAudience],
            environment: ["PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8"]
        )
        return try await minting.lines(answering: gateway.issuer.key.pem).map { try JSON(parsing: String($0)) }
    }

    @Test func `are read as the signer reads them, decide, and stand in the audit`() async throws {
        let upstream = try await LoopbackHTTP.start { request in
            .init(200, request.header("x-department") ?? "")
        }
        let gateway = try await Instance.start(
            routes: Self.route(
                "grouped",
                upstream.url,
                #"    allow: [ { groups: [engineering, "team-*"], claims: { country: [DE, AT] } } ]"#
            ) + Self.route("injected", upstream.url, #"    inject: { X-Department: "{claim:custom.department}" }"#),
            access: ["groups: { claim: custom.groups }", "deny: { groups: [suspended] }"]
        )
        var statuses: [Int: Int] = [:]
        var allowed: (id: String, group: String)?
        for minted in try await Self.minted(for: gateway) {
            let assertion = try #require(minted["assertion"].text)
            let groups = minted["groups"].elements.compactMap(\.text)
            let group = groups.first { $0 == "engineering" || $0.hasPrefix("team-") }
            let isNear = minted["country"].elements.contains { ["DE", "AT"].contains($0.text) }
            let isSuspended = groups.contains("suspended")
            let answer = try await gateway.request("/grouped", assertion: assertion)
            let expected = isSuspended ? 401 : group != nil && isNear ? 200 : 403
            #expect(answer.status == expected, "\(minted)")
            statuses[expected, default: 0] += 1
            if expected == 200, let group, let id = answer.header("x-request-id") { allowed = (id, group) }
            guard !isSuspended else { continue }
            let injected = try await gateway.request("/injected", assertion: assertion)
            #expect(injected.status == (minted["department"].text == nil ? 403 : 200), "\(minted)")
            if let department = minted["department"].text { #expect(injected.body.text == department) }
        }
        // A run in which one answer is missing tells little.
        #expect(Set(statuses.keys) == [200, 401, 403], "\(statuses)")
        let (id, group) = try #require(allowed)
        let rows = try await gateway.auditRows(of: id, count: 2)
        #expect(rows.first { $0["kind"].text == "decision" }?["caller_groups"].text == group)
        #expect(try await gateway.request("/grouped", assertion: gateway.serviceAssertion()).status == 403)
        #expect(try await gateway.request("/injected", assertion: gateway.serviceAssertion()).status == 403)
    }
}
