internal import GatehouseConfig
internal import GatehouseCore

/// Refuses to serve what this version reads and explains but does not enforce yet. A grant on tools that lets every tool
/// pass would be worse than a gateway that does not start.
enum Enforceable {
    /// - Throws: ``GatehouseError`` `unsupported` naming the first such setting.
    static func check(_ configuration: Configuration) throws(GatehouseError) {
        for route in configuration.routes.routes {
            if route.limits.rate != nil { throw notYet(route, "limits.rate", "leave it out") }
            if route.credentials.contains(.bearer) {
                throw notYet(route, "authenticate: bearer", "authenticate: [access]")
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
