internal import GatehouseCore

/// A whole file with one route, as `gatehouse init` writes it: the token in the environment, the audit in SQLite.
package struct ConfigurationDraft: Sendable {
    package var team: String
    /// `HOST:PORT`.
    package var listen: String
    /// The folder of the spool and the audit's database; an absolute path.
    package var data: String
    package var entry: CatalogEntry
    package var host: String
    package var audience: String
    /// Instead of the catalog's.
    package var upstream: String?

    package init(team: String, host: String, audience: String, entry: CatalogEntry, listen: String, data: String) {
        self.team = team
        self.host = host
        self.audience = audience
        self.entry = entry
        self.listen = listen
        self.data = data
    }

    /// The text, read once already.
    ///
    /// - Throws: ``ConfigurationError`` when something in it would not be right.
    package func text(file: String) throws(ConfigurationError) -> (text: String, warnings: [Diagnostic]) {
        let text = written
        // Its variables are those of the day it serves.
        let configuration = try Configuration(parsing: text.utf8, file: file, environment: [:])
        return (text, configuration.warnings)
    }

    private var route: RouteDraft {
        var route = RouteDraft(
            name: entry.name,
            host: host,
            audiences: [audience],
            upstream: upstream ?? entry.upstream
        )
        route.speech = entry.isMCP ? nil : "http"
        route.inject = entry.inject
        route.stripHeaders = entry.stripHeaders
        route.stripQuery = entry.stripQuery
        return route
    }

    private var written: String {
        """
        version: 1
        listen: \(Shown.scalar(listen))                 # where cloudflared sends requests; 0.0.0.0 where it runs elsewhere
        admin: 127.0.0.1:9090                  # health, metrics and the status page: for this machine only
        access: { team: \(Shown.scalar(team)) }
        stores:
          phase1: { kind: env }                # a token NAME is the variable NAME_API_TOKEN; docs/MIGRATION.md has sealed stores
        audit:
          spool: \(Shown.scalar(data + "/spool"))
          sink: { kind: sqlite, path: \(Shown.scalar(data + "/gatehouse.db")) }
        routes:
        \(route.lines.map { "  \($0)" }.joined(separator: "\n"))
            # allow: [{ users: ["*@example.com"] }]   # without it everybody whom Access admits may use the route

        """
    }
}
