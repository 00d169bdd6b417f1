/// The known servers, in the order in which `gatehouse init` lists them.
package enum Catalog {
    package static let entries = [
        CatalogEntry(
            name: "coda",
            title: "Coda, as a container",
            upstream: "http://coda-mcp:8080",
            inject: [("X-Coda-Api-Key", "{token}")],
            // X-Coda-Base-Url aims the key at another host.
            stripHeaders: ["X-Coda-*"],
            stripQuery: ["coda_api_key"]
        ),
        CatalogEntry(
            name: "github",
            title: "GitHub's own server, remote",
            upstream: "https://api.githubcopilot.com/mcp",
            inject: [
                ("Authorization", "Bearer {token}"), ("X-MCP-Readonly", "true"),
                ("X-MCP-Toolsets", "context,repos,issues,pull_requests"),
            ],
            stripHeaders: ["X-MCP-*"]
        ),
        CatalogEntry(
            name: "context7",
            title: "Context7, remote",
            upstream: "https://mcp.context7.com/mcp",
            inject: [("CONTEXT7_API_KEY", "{token}")],
            stripHeaders: ["Context7-*", "X-Context7-*", "X-Api-Key", "Api-Key"]
        ),
        CatalogEntry(
            name: "notion",
            title: "Notion, as a container",
            upstream: "http://notion-mcp:3000",
            inject: [("Authorization", "Bearer {token:notion-gateway}"), ("Notion-Token", "{token}")],
            stripHeaders: ["Notion-*"]
        ),
        CatalogEntry(
            name: "atlassian",
            title: "Atlassian (the community's server), as a container",
            upstream: "http://atlassian-mcp:9000",
            inject: [("Authorization", "Token {token}")],
            stripHeaders: ["X-Atlassian-*"]
        ),
        CatalogEntry(
            name: "grafana",
            title: "Grafana, as a container",
            upstream: "http://grafana-mcp:8000",
            inject: [("X-Grafana-API-Key", "{token}")],
            stripHeaders: ["X-Grafana-*", "X-Access-Token"]
        ),
        CatalogEntry(
            name: "memory",
            title: "Memory: the reference server behind a bridge, as a container; takes no token",
            upstream: "http://memory-mcp:8080",
            inject: []
        ),
        CatalogEntry(
            name: "archon",
            title: "Archon, as a container; takes no token",
            upstream: "http://archon-mcp:8051",
            inject: []
        ),
        CatalogEntry(
            name: "worker",
            title: "an MCP server on Cloudflare Workers, behind Access itself",
            upstream: "https://mcp.example.workers.dev/mcp",
            inject: [
                ("CF-Access-Client-Id", "{token:worker-id}"), ("CF-Access-Client-Secret", "{token:worker-secret}"),
            ]
        ),
        CatalogEntry(
            name: "n8n",
            title: "n8n's API, as a container: plain HTTP",
            upstream: "http://n8n:5678",
            isMCP: false,
            inject: [("X-N8N-API-KEY", "{token}")],
            stripHeaders: ["X-N8N-*"],
            // The one header of these that n8n reads is the one that is injected.
            needsStrip: false
        ),
    ]

    package static func entry(named name: String) -> CatalogEntry? { entries.first { $0.name == name } }
}
