internal import GatehouseCore
internal import YAMLReader

/// What a route is called and matches, and where that is written.
struct RouteClaim {
    let name: RouteName?
    let host: HostPattern?
    let path: PathPrefix?
    let nameSpan: YAMLSpan
    /// Of what it matches.
    let span: YAMLSpan
}
