internal import GatehouseCore

/// The statements of an answer's head about its body.
struct AnsweredHead {
    let status: Int
    let hasBody: Bool
    /// Whether the one media type that is named is that of JSON or of event streams; neither when there are two.
    let isJSON: Bool
    let isEventStream: Bool

    var isSuccess: Bool { (200..<300).contains(status) }

    init(_ head: ResponseHead, _ bytes: Span<UInt8>) {
        status = head.status
        hasBody =
            switch head.framing {
            case .none, .length(0): false
            case .length, .chunked, .untilClose: true
            }
        let isOne = head.occurrence(of: .contentType, in: bytes) != .duplicate
        isEventStream = isOne && head.isEventStream
        isJSON = isOne && head.isJSON(bytes)
    }
}
