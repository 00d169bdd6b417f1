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
        "MEMORY_AUDIENCE": audienceTag, "ARCHON_AUDIENCE": audienceTag,
        "GATEHOUSE_DATABASE_PASSWORD": "of-the-test", "INFISICAL_PROJECT_ID": "project",
    ]

    @Test func `there is an example for each phase and each known kind of server`() {
        let wanted = [
            "archon", "atlassian", "coda", "coda.infisical", "coda.postgres", "coda.sqlite", "context7", "github",
            "grafana",
            "memory", "n8n", "notion", "several",
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

    @Test func `the example that needs a variable says so`() throws {
        #expect(throws: ConfigurationError.self) {
            try Configuration.read(path: "\(Self.folder)/coda.example.yaml", environment: [:])
        }
    }
}
