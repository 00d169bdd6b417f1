internal import CurlClient
internal import GatehouseCore
internal import GatehouseTokens

/// The answer of a collector to one message (OTLP specification, "OTLP/HTTP Response").
enum ExportAnswer: Equatable, Sendable {
    /// It has the message, all but so many of its parts.
    case taken(rejected: Int)
    /// It may take the same message later.
    case later(after: Duration?, words: String)
    /// It does not take this message, and would not later.
    case refused(status: Int, words: String)

    /// How long a collector may have us wait; a longer wait is taken for this.
    static let longestWait: Duration = .seconds(300)

    init(_ response: CurlResponse, at now: Timestamp) {
        let words = "answers \(response.status)"
        switch response.status {
        case 200..<300: self = .taken(rejected: Self.rejected(response.body.bytes))
        case 429, 502, 503, 504:
            let field = response.header("Retry-After")
            let seconds = field.flatMap { Int64($0) }.map { Duration.seconds(min($0, 86_400)) }
            let wait = seconds ?? field.flatMap { HTTPDate.parse($0) }.map { $0 - now }
            self = .later(after: wait.map { min(max(.zero, $0), Self.longestWait) }, words: words)
        case let status: self = .refused(status: status, words: words)
        }
    }

    init(_ error: CurlError) {
        switch error.code {
        case .invalidRequest, .refusedAddress: self = .refused(status: 0, words: error.message)
        case .unreachable, .timeout, .tls, .tooLarge, .interrupted, .malformedResponse, .cancelled, .overloaded,
            .failed:
            self = .later(after: nil, words: error.message)
        }
    }

    /// `rejectedSpans` or `rejectedDataPoints` of `partialSuccess`. An answer that cannot be read rejects nothing.
    private static func rejected(_ body: [UInt8]) -> Int {
        let part = JSONValue(parsing: body)?["partialSuccess"]
        switch part?["rejectedSpans"] ?? part?["rejectedDataPoints"] {
        case .string(let number)?, .number(let number)?: return max(0, Int(number) ?? 0)
        case _: return 0
        }
    }
}
