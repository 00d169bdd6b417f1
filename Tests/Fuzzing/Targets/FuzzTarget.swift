/// The doors through which bytes of somebody else's choosing come in, each with what must hold of what comes out.
///
/// A target is a function of its bytes: how they are cut, and what else varies, follows from them, so that a case that failed fails again.
enum FuzzTarget: String, CaseIterable {
    case request, response, chunks, exchange, assertion, rpc, lists, tags, events, yaml, sealed, spool, oauth, pins
    case reflection

    /// - Returns: whether the input was taken for what it should be. A run in which nothing is taken tells nothing.
    /// - Throws: what does not hold.
    @discardableResult
    func check(_ input: [UInt8]) throws(Finding) -> Bool {
        switch self {
        case .request: try CodecTarget.request(input)
        case .response: try CodecTarget.response(input)
        case .chunks: try CodecTarget.chunks(input)
        case .exchange: try ExchangeTarget.check(input)
        case .assertion: try AssertionTarget.check(input)
        case .rpc: try RPCTarget.check(input)
        case .lists: try ListsTarget.check(input)
        case .tags: try TagsTarget.check(input)
        case .events: try EventsTarget.check(input)
        case .yaml: try YAMLTarget.check(input)
        case .sealed: try SealedTarget.check(input)
        case .spool: try SpoolTarget.check(input)
        case .oauth: try OAuthTarget.check(input)
        case .pins: try PinsTarget.check(input)
        case .reflection: try ReflectionTarget.check(input)
        }
    }
}

/// A thing that does not hold, in words.
struct Finding: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

func hold(_ holds: Bool, _ says: @autoclosure () -> String) throws(Finding) {
    guard holds else { throw Finding(says()) }
}

/// The value, which the target's own doing cannot fail to give.
func given<Value>(_ body: () throws -> Value) -> Value {
    do { return try body() } catch { fatalError("a target stands on what is valid: \(error)") }
}

func text(_ bytes: some Collection<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }
