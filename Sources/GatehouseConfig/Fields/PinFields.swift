internal import GatehouseCore
internal import YAMLReader

/// The keys of a route's `pin`.
enum PinFields {
    private static let refreshRange: ClosedRange<Duration> = .seconds(10)...(.seconds(86_400))

    static let tools = Field(
        "tools",
        Shape<ToolPinning.Mode>.choice([("approved", .approved), ("first_use", .firstUse)]),
        .required,
        "`approved`: a tool reaches callers once an operator has approved its name, title, description, annotations and schemas (`gatehouse pins`), and only as long as it is listed so. `first_use`: each tool is approved as it is first seen; one that changes after that waits for an operator."
    )
    static let refresh = Field(
        "refresh",
        .duration(refreshRange),
        .fallback(ToolPinning.defaultRefresh),
        "How often Gatehouse itself asks the upstream for its tools, with the injected token."
    )

    static let all = [tools.form, refresh.form]

    static let shape = Shape<ToolPinning>.mapping(all, wanted: "pin") { keys, _ in
        let tools = keys.read(tools)
        let refresh = keys.read(refresh)
        guard let tools, let refresh else { return nil }
        return ToolPinning(tools, refresh: refresh)
    }
}
