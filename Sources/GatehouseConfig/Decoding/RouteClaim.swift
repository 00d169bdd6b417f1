internal import GatehouseCore
internal import YAMLReader

/// The name and the match of a route, with their positions in the file.
struct RouteClaim: Sendable {
    let name: RouteName?
    let host: HostPattern?
    let path: PathPrefix?
    let nameSpan: YAMLSpan
    /// The position of the match.
    let span: YAMLSpan
}
