package import GatehouseCore

/// The versions of HTTP that the data path speaks.
package enum HTTPVersion: Sendable {
    case http10
    case http11
}

/// How the end of a body is found (RFC 9112 section 6.3).
package enum BodyFraming: Equatable, Sendable {
    case none
    /// Bytes.
    case length(Int)
    case chunked
    /// Responses only.
    case untilClose
}

/// The result of a parser for the bytes so far.
package enum HeadProgress: Equatable, Sendable {
    case incomplete
    case complete
    case refused(Reason)
}

/// Bounds of a head.
package struct HeadLimits: Sendable {
    /// Header fields of a request; beyond it `headers_too_large`.
    package static let defaultFields = 100
    /// Bytes of a request's header fields with their line ends; beyond it `headers_too_large`.
    package static let defaultFieldBytes = 32 << 10
    /// Bytes of a request target; beyond it `target_too_long`.
    package static let defaultTarget = 8 << 10
    /// Header fields of a response; beyond it `upstream_malformed`.
    package static let defaultResponseFields = 200
    /// Bytes of a response's header fields with their line ends; beyond it `upstream_malformed`.
    package static let defaultResponseFieldBytes = 64 << 10
    /// Names that `Connection` may nominate; beyond it the head is refused as malformed. Bounds the comparisons of
    /// names with nominations.
    package static let nominations = 32
    /// Bytes of a method, and of what else stands in a start line beside the target or reason phrase.
    static let method = 32
    static let startLineRest = method + 16

    package var maximumFields: Int
    package var maximumHeadBytes: Int
    /// The request's target; in a response the reason phrase.
    package var maximumTarget: Int

    package init(maximumFields: Int, maximumHeadBytes: Int, maximumTarget: Int) {
        self.maximumFields = maximumFields
        self.maximumHeadBytes = maximumHeadBytes
        self.maximumTarget = maximumTarget
    }

    package static let request = HeadLimits(
        maximumFields: defaultFields,
        maximumHeadBytes: defaultFieldBytes,
        maximumTarget: defaultTarget
    )
    package static let response = HeadLimits(
        maximumFields: defaultResponseFields,
        maximumHeadBytes: defaultResponseFieldBytes,
        maximumTarget: defaultTarget
    )
}
