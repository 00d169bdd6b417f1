import Foundation
@testable import GatehouseConfig
import GatehouseCore
import Testing

@Suite struct ExampleFileTests {
    private static let folder = TestFiles.root.appendingPathComponent("config").path

    static let names: [String] = {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return files.filter { $0.hasSuffix(".yaml") }.sorted()
    }()

    /// Every variable that some example names.
    static let environment: Environment = [
        "CODA_AUDIENCE": audienceTag, "CONTEXT7_AUDIENCE": audienceTag, "WIKI_AUDIENCE": audienceTag,
        "GITHUB_AUDIENCE": audienceTag, "NOTION_AUDIENCE": audienceTag, "ATLASSIAN_AUDIENCE": audienceTag,
        "GRAFANA_AUDIENCE": audienceTag, "N8N_AUDIENCE": audienceTag, "CI_CLIENT_ID": "ci.access",
        "MEMORY_AUDIENCE": audienceTag, "LINEAR_AUDIENCE": audienceTag, "ARCHON_AUDIENCE": audienceTag,
        "WORKER_AUDIENCE": audienceTag,
        "GATEHOUSE_DATABASE_PASSWORD": "of-the-test", "INFISICAL_PROJECT_ID": "project",
    ]

    @Test func `there is an example for each phase and each known kind of server`() {
        let wanted = [
            "archon", "atlassian", "coda", "coda.infisical", "coda.postgres", "coda.sqlite", "coda.vault", "context7",
            "github",
            "github.app",
            "grafana", "groups",
            "memory", "n8n", "notion", "personal", "several", "worker",
        ]
        #expect(Set(Self.names).isSuperset(of: wanted.map { "\($0).example.yaml" }))
    }

    @Test(arguments: names)
    func `every example parses without a warning and names its schema`(name: String) throws {
        let path = "\(Self.folder)/\(name)"
        let configuration = try Configuration.read(path: path, environment: Self.environment)
        #expect(configuration.warnings.isEmpty)
        #expect(configuration.routes.routes.allSatisfy { $0.audiences == [audienceTag] })
        let text = try String(contentsOfFile: path, encoding: .utf8)
        #expect(text.hasPrefix("# yaml-language-server: $schema=gatehouse.schema.json\n"))
    }

    /// Headers by which a client could aim the token elsewhere, replace it or widen what it is used for, by upstream.
    @Test(arguments: [
        ("coda", ["X-Coda-Base-Url", "x_coda_api_key"]),
        ("github", ["X-MCP-Toolsets", "X-MCP-Readonly", "X-MCP-Tools"]),
        ("context7", ["Context7-Api-Key", "X-Context7-Api-Key", "X-API-Key"]),
        ("notion", ["Notion-Token", "Notion-Version"]),
        ("atlassian", ["X-Atlassian-Jira-Url", "X-Atlassian-Cloud-Id", "X-Atlassian-Confluence-Personal-Token"]),
        ("grafana", ["X-Grafana-URL", "X-Grafana-Org-Id", "X-Grafana-Service-Account-Token"]),
        ("n8n", ["X-N8N-API-KEY"]),
    ])
    func `every upstream's override headers are stripped`(route: String, headers: [String]) throws {
        for name in Self.names {
            let configuration = try Configuration.read(
                path: "\(Self.folder)/\(name)",
                environment: Self.environment
            )
            for found in configuration.routes.routes where found.name.text == route {
                for header in headers {
                    let folded = try HeaderName(parsing: header).folded
                    #expect(
                        found.strip.headers.contains {
                            $0.isPrefix ? folded.hasPrefix($0.folded) : folded == $0.folded
                        },
                        "\(name): \(header)"
                    )
                }
            }
        }
    }

    @Test func `the Worker behind Access gets a service token out of the store, and the assertion where that is meant`()
        throws
    {
        let path = "\(Self.folder)/worker.example.yaml"
        let route = try Configuration.read(path: path, environment: Self.environment).routes.routes[0]
        func parts(_ header: String) -> [Injection.Template.Part]? {
            route.injections.first { $0.name.folded == header }?.value.parts
        }
        #expect(parts("cf-access-client-id") == [.token(try TokenName(parsing: "worker-id"))])
        #expect(parts("cf-access-client-secret") == [.token(try TokenName(parsing: "worker-secret"))])
        #expect(parts("cf-access-token") == [.assertion] && route.upstream.isSecure)
        // Without the two lines that mean it, the assertion stays here.
        let text = try String(contentsOfFile: path, encoding: .utf8)
        let unmeant = text.replacing("    forward_assertion: true\n", with: "")
        #expect(throws: ConfigurationError.self) { try read(unmeant, Self.environment) }
    }

    @Test func `the example that needs a variable says so`() throws {
        #expect(throws: ConfigurationError.self) {
            try Configuration.read(path: "\(Self.folder)/coda.example.yaml", environment: [:])
        }
    }
}
