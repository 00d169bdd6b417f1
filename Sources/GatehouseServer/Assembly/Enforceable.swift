internal import GatehouseConfig
internal import GatehouseCore

/// Refuses to serve what this version reads and explains but does not enforce yet. A grant on tools that lets every tool
/// pass would be worse than a gateway that does not start.
enum Enforceable {
    /// - Throws: ``GatehouseError`` `unsupported` naming the first such setting.
    static func check(_ configuration: Configuration) throws(GatehouseError) {
        for route in configuration.routes.routes {
            let grants = route.policy.grants ?? []
            if grants.contains(where: { $0.tools != nil || $0.prompts != nil || $0.resources != nil }) {
                throw notYet(route, "grants on tools, prompts or resources", "grant users and service tokens only")
            }
        }
        if configuration.audit.arguments == .record {
            throw GatehouseError(
                .unsupported,
                "audit.arguments: record is not in this version",
                hint: "use digest or omit"
            )
        }
    }

    private static func notYet(_ route: Route, _ what: String, _ hint: String) -> GatehouseError {
        GatehouseError(.unsupported, "route '\(route.name)': \(what): this version does not enforce it", hint: hint)
    }
}
