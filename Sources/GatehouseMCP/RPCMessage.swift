package import GatehouseCore

/// One JSON-RPC message, as places in the body that was scanned.
package struct RPCMessage: Sendable {
    package enum Kind: Sendable {
        case request, notification, response
    }

    /// A string in the body, without its quotes.
    package struct Text: Sendable {
        package private(set) var range: Range<Int>
        let hasEscapes: Bool
        /// Whether it is an array of strings instead, which is its own text, as it was written.
        let isArray: Bool

        init(_ string: JSONString) {
            range = string.range
            hasEscapes = string.hasEscapes
            isArray = false
        }

        init(array: Range<Int>) {
            range = array
            hasEscapes = false
            isArray = true
        }

        /// The text without the tag that it seems to end in.
        ///
        /// - Parameter raw: as it was written.
        func untagged(_ raw: UnsafeRawBufferPointer) -> Text {
            var text = self
            if KeyedTag.ends(raw) { text.range = range.lowerBound..<range.upperBound - KeyedTag.length }
            return text
        }

        package func string(in body: UnsafeRawBufferPointer) -> JSONString {
            JSONString(bytes: body, range: range, hasEscapes: hasEscapes)
        }
    }

    package internal(set) var kind = Kind.notification
    /// The id as it was written, quotes included; nil for a notification.
    package internal(set) var id: Range<Int>?
    /// Nil for a response.
    package internal(set) var method: Text?
    package internal(set) var known = RPCMethod.other
    /// The kind of the call's target, and the target: the tool or prompt by name, the resource by URI or template, several of them as an array.
    package internal(set) var targetKind: Policy.TargetKind?
    package internal(set) var target: Text?
    /// Values in the message that belong to a caller: tasks and request states.
    package internal(set) var owned: [OwnedValue] = []
    /// Whether it asks for a task to be made of it (`params.task`, 2025-11-25).
    package internal(set) var asksForTask = false
    /// The arguments of a call as they were written.
    package internal(set) var arguments: Range<Int>?
    /// Whether what the call says of its target cannot be asked of the grants: it is too long, of no kind that is known, or in a body that is nested
    /// deeper than is looked at.
    package internal(set) var isMalformed = false
    /// Whether the method, which is not known here, is written so that a lenient server may take it for another one.
    package internal(set) var isUnclear = false
    /// Whether a rate may refuse it.
    package internal(set) var isRated = false
    /// Whether the message has members beside those of JSON-RPC.
    package internal(set) var hasOtherMembers = false

    /// Whether it opens a stream of changes (2026-07-28), which lasts until one side ends it.
    package var isListen: Bool { known == .listen && kind == .request }

    /// Whether its answer may list something that the caller may not see: by its method, or because the answer to its method is not known here.
    package func mayBeAnsweredWithLists(beyond permits: Permits) -> Bool {
        guard kind == .request else { return false }
        if let lists = known.lists { return permits.restricts(lists) }
        return known.mayList && permits.restrictsAny
    }

    /// Why the caller may not make this call, nil when it may or when it is none.
    package func refusal(
        by permits: Permits,
        _ pins: RoutePins? = nil,
        in body: UnsafeRawBufferPointer
    ) -> Reason? {
        denial(by: permits, pins, in: body)?.reason
    }

    /// The same with the argument for which the call is denied.
    ///
    /// - Parameter pins: the tools as they were approved, on a route that pins them.
    package func denial(
        by permits: Permits,
        _ pins: RoutePins? = nil,
        in body: UnsafeRawBufferPointer
    ) -> RPCDenial? {
        guard let kind = targetKind else {
            guard known == .complete || isUnclear, permits.restrictsAny else { return nil }
            if isUnclear { return RPCDenial(.rpcMalformed) }
            // It completes what is not known here, so nothing says that this caller may use that.
            return RPCDenial(isMalformed ? .targetMalformed : .promptDenied)
        }
        guard permits.restricts(kind) else { return nil }
        guard let target, !isMalformed else { return RPCDenial(.targetMalformed) }
        if target.isArray {
            return target.elements(in: body) { permits.allows(kind, $0) } ? nil : RPCDenial(kind.denial)
        }
        return target.string(in: body).withResolvedBytes { target in
            if known == .complete, kind == .resource {
                return permits.allowsSome(kind, of: target) ? nil : RPCDenial(kind.denial)
            }
            let isPinned = kind == .tool && permits.pinsTools
            switch permits.coverage(of: kind, target) {
            case .uncovered: return RPCDenial(kind.denial)
            case _ where isPinned && pins?.allows(target) != true: return RPCDenial(.toolUnapproved)
            case .covered: return nil
            case .dependsOnArguments:
                let arguments = arguments.map { UnsafeRawBufferPointer(rebasing: body[$0]) }
                guard case .denied(let denial) = permits.judgement(of: target, arguments) else { return nil }
                return RPCDenial(.argumentsDenied, argument: denial.argument)
            }
        }
    }
}

/// Why a call is denied.
package struct RPCDenial: Hashable, Sendable {
    package let reason: Reason
    /// The path of the argument for which it is, where there is one to name.
    package let argument: String?

    init(_ reason: Reason, argument: String? = nil) {
        self.reason = reason
        self.argument = argument
    }
}

extension RPCMessage.Text {
    /// Whether all strings of an array fulfil a condition, escapes resolved. The array was read once, so it is one.
    func elements(in body: UnsafeRawBufferPointer, fulfil condition: (UnsafeRawBufferPointer) -> Bool) -> Bool {
        do throws(JSONFault) {
            var scanner = try JSONScanner(UnsafeRawBufferPointer(rebasing: body[range]))
            try scanner.beginArray()
            while try scanner.nextElement() {
                guard try scanner.string().withResolvedBytes(condition) else { return false }
            }
            return true
        } catch { return false }
    }
}

/// The content of one body.
package enum RPCBody: Sendable {
    case single(RPCMessage)
    case batch([RPCMessage])

    /// Whether a sender waits for an answer.
    package var hasRequests: Bool { contains { $0.kind == .request } }

    package func contains(where condition: (RPCMessage) -> Bool) -> Bool {
        switch self {
        case .single(let message): condition(message)
        case .batch(let messages): messages.contains(where: condition)
        }
    }

    /// How many of its messages count against a rate: all but `server/discover`, answers, and methods that are not known here.
    package var ratedMessages: Int {
        switch self {
        case .single(let message): message.isRated ? 1 : 0
        case .batch(let messages): messages.count { $0.isRated }
        }
    }

    package func forEach(_ body: (RPCMessage) -> Void) {
        switch self {
        case .single(let message): body(message)
        case .batch(let messages): for message in messages { body(message) }
        }
    }
}
