package import GatehouseCore

/// One JSON-RPC message, as places in the body that was scanned.
package struct RPCMessage: Sendable {
    package enum Kind: Sendable {
        case request, notification, response
    }

    /// A string in the body, without its quotes.
    package struct Text: Sendable {
        package let range: Range<Int>
        let hasEscapes: Bool

        init(_ string: JSONString) {
            range = string.range
            hasEscapes = string.hasEscapes
        }

        package func string(in body: UnsafeRawBufferPointer) -> JSONString {
            JSONString(bytes: body, range: range, hasEscapes: hasEscapes)
        }
    }

    package internal(set) var kind = Kind.notification
    /// As it was written, quotes included; nil for a notification.
    package internal(set) var id: Range<Int>?
    /// Nil for a response.
    package internal(set) var method: Text?
    package internal(set) var known = RPCMethod.other
    /// What the call is aimed at, and which one: the tool or prompt by name, the resource by URI or template.
    package internal(set) var targetKind: Policy.TargetKind?
    package internal(set) var target: Text?
    /// The arguments of a call as they were written.
    package internal(set) var arguments: Range<Int>?

    /// Whether it opens a stream of changes (2026-07-28), which lasts until somebody ends it.
    package func isListen(in body: UnsafeRawBufferPointer) -> Bool {
        guard let method, kind == .request else { return false }
        return method.range.count >= 20 && method.string(in: body) == "subscriptions/listen"
    }

    /// Why the caller may not make this call, nil when it may or when it is none.
    package func refusal(by permits: Permits, in body: UnsafeRawBufferPointer) -> Reason? {
        guard let kind = targetKind, let target else {
            // It completes what is not known here, so nothing says that this caller may use that.
            return known == .complete && permits.restrictsAny ? .promptDenied : nil
        }
        guard permits.restricts(kind) else { return nil }
        let isAllowed = target.string(in: body).withResolvedBytes {
            known == .complete && kind == .resource ? permits.allowsSome(kind, of: $0) : permits.allows(kind, $0)
        }
        return isAllowed ? nil : kind.denial
    }
}

/// What one body holds.
package enum RPCBody: Sendable {
    case single(RPCMessage)
    case batch([RPCMessage])

    /// Whether someone waits for an answer.
    package var hasRequests: Bool { contains { $0.kind == .request } }

    package func contains(where condition: (RPCMessage) -> Bool) -> Bool {
        switch self {
        case .single(let message): condition(message)
        case .batch(let messages): messages.contains(where: condition)
        }
    }

    /// Whether it holds nothing that a rate may refuse: `server/discover`, methods that are not known here, and answers.
    package var isExemptFromRate: Bool { !contains { $0.known != .discover && $0.known != .other } }

    package func forEach(_ body: (RPCMessage) -> Void) {
        switch self {
        case .single(let message): body(message)
        case .batch(let messages): for message in messages { body(message) }
        }
    }
}
