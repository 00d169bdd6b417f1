internal import GatehouseConfig
internal import GatehouseCore

/// Refuses to serve what this version reads and explains but does not enforce yet. A grant on tools that lets every tool
/// pass would be worse than a gateway that does not start.
enum Enforceable {
    /// - Throws: ``GatehouseError`` `unsupported` naming the first such setting.
    static func check(_ configuration: Configuration) throws(GatehouseError) {
        if configuration.audit.arguments == .record {
            throw GatehouseError(
                .unsupported,
                "audit.arguments: record is not in this version",
                hint: "use digest or omit"
            )
        }
    }
}
