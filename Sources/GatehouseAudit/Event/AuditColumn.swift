/// The columns of `audit_events`, in order. This is the one place that names them: encoding, sinks, queries and exports all
/// go by it.
///
/// The raw value is the tag of the column in a stored event. Tags are never used twice and never renumbered; a new column
/// takes the next one.
package enum AuditColumn: UInt8, CaseIterable, Sendable {
    // Held in the fixed part of every event.
    case eventID = 1
    case requestID
    case kind
    case at
    // Given by the writer of the spool, held in the envelope of an event.
    case writer
    case sequence
    case previousHash
    case hash
    // Held as tagged fields, each when there is something to say.
    case route
    case principalKind
    case principal
    case subject
    case decision
    case reason
    case httpMethod
    case path
    case rpcMethod
    case rpcID
    case target
    case argumentsDigest
    case session
    case protocolVersion
    case tokenName
    case tokenVersion
    case assertionKeyID
    case clientIP
    case cfRay
    case status
    case upstreamStatus
    case rpcError
    case bytesIn
    case bytesOut
    case durationMicroseconds
    case upstreamMicroseconds
    case ended
    case argumentsSealed
    case rpcPosition
    case requests
    case change
    case tokenOwner
    case callerGroups

    package enum Shape: Hashable, Sendable {
        /// Text of at most so many bytes of UTF-8. Longer text is cut there and ends in `…`.
        case text(limit: Int)
        case integer
        /// Microseconds since 1970, UTC.
        case time
        /// 32 bytes.
        case hash
        /// Encrypted bytes, at most so many.
        case sealed(limit: Int)
    }

    package static let count = allCases.count
    /// The columns that the first release has; the others follow them.
    static let firstRelease = Array(allCases.prefix { $0.rawValue <= AuditColumn.argumentsSealed.rawValue })
    /// The first column that is held as a tagged field.
    static let firstField = AuditColumn.route
    /// The place among the columns, from 0.
    package var index: Int { Int(rawValue) - 1 }

    package init?(name: String) {
        guard let column = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = column
    }

    package var name: String {
        switch self {
        case .eventID: "event_id"
        case .requestID: "request_id"
        case .kind: "kind"
        case .at: "at"
        case .writer: "writer"
        case .sequence: "seq"
        case .previousHash: "prev_hash"
        case .hash: "hash"
        case .route: "route"
        case .principalKind: "principal_kind"
        case .principal: "principal"
        case .subject: "subject"
        case .decision: "decision"
        case .reason: "reason"
        case .httpMethod: "http_method"
        case .path: "path"
        case .rpcMethod: "rpc_method"
        case .rpcID: "rpc_id"
        case .target: "target"
        case .argumentsDigest: "arguments_digest"
        case .session: "session"
        case .protocolVersion: "protocol_version"
        case .tokenName: "token_name"
        case .tokenVersion: "token_version"
        case .assertionKeyID: "assertion_kid"
        case .clientIP: "client_ip"
        case .cfRay: "cf_ray"
        case .status: "status"
        case .upstreamStatus: "upstream_status"
        case .rpcError: "rpc_error"
        case .bytesIn: "bytes_in"
        case .bytesOut: "bytes_out"
        case .durationMicroseconds: "duration_us"
        case .upstreamMicroseconds: "upstream_us"
        case .ended: "ended"
        case .argumentsSealed: "arguments_sealed"
        case .rpcPosition: "rpc_position"
        case .requests: "requests"
        case .change: "change"
        case .tokenOwner: "token_owner"
        case .callerGroups: "caller_groups"
        }
    }

    // Inlined so that the encoder, which names its columns, finds constants.
    @inline(__always) package var shape: Shape {
        switch self {
        case .eventID: .text(limit: 36)
        case .requestID, .httpMethod, .protocolVersion, .change: .text(limit: 32)
        case .kind, .decision: .text(limit: 8)
        case .at: .time
        case .writer, .route, .tokenName, .clientIP, .cfRay: .text(limit: 64)
        case .sequence, .tokenVersion, .status, .upstreamStatus, .bytesIn, .bytesOut, .durationMicroseconds,
            .upstreamMicroseconds, .rpcPosition, .requests:
            .integer
        case .previousHash, .hash: .hash
        case .principalKind, .ended: .text(limit: 16)
        case .principal: .text(limit: 320)
        case .subject, .rpcMethod, .argumentsDigest, .session, .assertionKeyID: .text(limit: 128)
        case .reason: .text(limit: 48)
        case .path, .target: .text(limit: 2048)
        case .rpcID, .rpcError, .tokenOwner, .callerGroups: .text(limit: 256)
        case .argumentsSealed: .sealed(limit: ArgumentsKeeper.overhead + ArgumentsKeeper.maximumRecorded)
        }
    }

    /// Bytes at most; 8 for a number.
    @inline(__always) var limit: Int {
        switch shape {
        case .text(let limit), .sealed(let limit): limit
        case .integer, .time: 8
        case .hash: 32
        }
    }
}
