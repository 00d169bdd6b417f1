internal import GatehouseCore
internal import Glibc

/// Writes events in their canonical form, which is what the spool holds and what the chain covers:
///
///     version  1 byte (1)
///     kind     1 byte (1 decision, 2 outcome, 3 change)
///     event id, request id   16 bytes each, big endian as they are written
///     at       8 bytes, microseconds
///     fields   by ascending tag, each one only when there is something to say:
///              tag 1 byte; an integer's 8 bytes, or a length of 2 bytes and so many bytes
///
/// Numbers are little endian. Text is UTF-8 without NUL, whatever came in: every sink can hold it unchanged.
enum EventEncoder {
    static let version: UInt8 = 1
    static let fixedLength = 42

    /// No event is longer, whatever the facts: every field has its limit.
    static let maximumLength: Int = AuditColumn.allCases.reduce(fixedLength) { sum, column in
        sum + 3 + column.limit
    }

    /// No event without recorded arguments is longer.
    static let plainLength = maximumLength - 3 - AuditColumn.argumentsSealed.limit

    /// Encodes one event to where ``plainLength`` bytes have room, what `arguments` asks for and 8 more, which may be overwritten.
    ///
    /// - Returns: the length.
    static func encode(
        _ facts: borrowing AuditFacts,
        id: EventID,
        callers: CallerFields,
        arguments: ArgumentsKeeper? = nil,
        to start: UnsafeMutableRawPointer
    ) -> Int {
        // A pattern, because == on an enum with raw values of another module is a generic call.
        let isDecision = if case .decision = facts.kind { true } else { false }
        var fields = begin(id, facts.requestID, isDecision ? .decision : .outcome, facts.at, at: start)
        if let route = facts.route { fields.text(.route, route.name.text) }
        var key = AuditFacts.nothing
        if let caller = facts.caller {
            let encoded = callers.fields(of: caller)
            fields.encoded(encoded.principal)
            key = encoded.key
        } else if isDecision || facts.isOfNobody {
            fields.text(.principalKind, "none" as StaticString)
        }
        if let refusal = facts.refusal {
            if isDecision { fields.text(.decision, "deny" as StaticString) }
            fields.text(.reason, refusal.rawValue)
        } else if isDecision {
            fields.text(.decision, "allow" as StaticString)
        }
        fields.text(.httpMethod, facts.httpMethod)
        fields.text(.path, facts.path)
        fields.text(.rpcMethod, facts.rpcMethod)
        fields.text(.rpcID, facts.rpcID)
        fields.text(.target, facts.target)
        let keeper = facts.arguments.count > 0 ? arguments : nil
        keeper?.digest(facts.arguments, into: &fields)
        fields.text(.session, facts.session)
        fields.text(.protocolVersion, facts.protocolVersion)
        if let token = facts.token {
            fields.text(.tokenName, token.name.text)
            fields.integer(.tokenVersion, Int64(token.version))
            if let owner = facts.tokenOwner { fields.text(.tokenOwner, owner.text) }
        }
        fields.encoded(key)
        fields.text(.clientIP, facts.clientIP)
        fields.text(.cfRay, facts.cfRay)
        if facts.status != 0 { fields.integer(.status, Int64(facts.status)) }
        if facts.upstreamStatus != 0 { fields.integer(.upstreamStatus, Int64(facts.upstreamStatus)) }
        fields.text(.rpcError, facts.rpcError)
        if !isDecision {
            fields.integer(.bytesIn, facts.bytesIn)
            fields.integer(.bytesOut, facts.bytesOut)
            fields.integer(.durationMicroseconds, facts.durationMicroseconds)
            if facts.upstreamMicroseconds != 0 { fields.integer(.upstreamMicroseconds, facts.upstreamMicroseconds) }
        }
        if let ending = facts.ending { fields.text(.ended, ending.rawValue) }
        keeper?.seal(facts.arguments, of: id, facts.requestID, into: &fields)
        if facts.rpcPosition != 0 { fields.integer(.rpcPosition, Int64(facts.rpcPosition)) }
        if facts.requests != 0 { fields.integer(.requests, facts.requests) }
        if !facts.groups.isEmpty { fields.text(.callerGroups, facts.groups.joined(separator: ", ")) }
        return fields.place - start
    }

    /// Writes the fixed part.
    @inline(__always)
    static func begin(
        _ id: EventID,
        _ requestID: RequestID,
        _ kind: EventKind,
        _ at: Timestamp,
        at start: UnsafeMutableRawPointer
    ) -> FieldWriter {
        var fields = FieldWriter(at: start)
        fields.byte(version)
        fields.byte(kind.rawValue)
        fields.word(id.high.bigEndian)
        fields.word(id.low.bigEndian)
        fields.word(requestID.high.bigEndian)
        fields.word(requestID.low.bigEndian)
        fields.word(UInt64(bitPattern: at.microseconds).littleEndian)
        return fields
    }
}
