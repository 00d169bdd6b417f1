package import GatehouseCore

extension Reason {
    /// The code of the JSON-RPC error for this reason, sent to a caller that waits for an answer; nil for a reason that no JSON-RPC call is answered
    /// with. Gatehouse's own codes are outside -32768…-32000, which JSON-RPC keeps for itself; the others are MCP's and JSON-RPC's.
    package var rpcCode: Int? {
        switch self {
        case .toolDenied, .promptDenied, .resourceDenied, .argumentsDenied, .toolUnapproved: 4030
        case .rateLimited: 4290
        case .upstreamUnreachable, .upstreamReset, .upstreamMalformed, .upstreamCredentialRejected, .upstreamError,
            .upstreamNotMCP, .secretReflected, .upstreamEncoded:
            5020
        case .tokenUnavailable, .auditUnavailable, .overloaded, .draining: 5030
        case .upstreamTimeout: 5040
        case .tokenMissing, .tokenNeedsConnecting: 4010
        case .rpcHeaderMismatch: -32020
        // As servers say it of a task that they do not know, and of a method that they do not have.
        case .targetMalformed, .taskUnknown, .requestStateUnknown: -32602
        case .tasksListDenied: -32601
        case .requestMalformed, .pathAmbiguous, .rpcMalformed, .assertionMissing, .assertionDuplicate,
            .assertionMalformed, .assertionAlgorithm, .assertionKeyUnknown, .assertionSignature, .assertionType,
            .assertionIssuer, .assertionAudience, .assertionExpired, .assertionNotYetValid, .assertionTooOld,
            .assertionDenied,
            .bearerUnknown, .bearerExpired, .principalDenied, .claimMissing, .originDenied, .methodDenied,
            .webSocketDenied,
            .routeUnknown, .pathDenied,
            .sessionUnknown, .bodyIncomplete, .bodyTooLarge, .targetTooLong, .headersTooLarge, .keysUnavailable,
            .identityRefused, .identityUnavailable, .denialsUnavailable,
            .batchDenied:
            nil
        }
    }

    /// The value of `data.reason`: the exact reason of a denial, and no more than the public code of everything else.
    fileprivate var rpcReason: String {
        switch self {
        case .toolDenied, .promptDenied, .resourceDenied, .argumentsDenied, .toolUnapproved, .targetMalformed,
            .rpcHeaderMismatch, .taskUnknown, .requestStateUnknown, .tasksListDenied, .tokenMissing,
            .tokenNeedsConnecting:
            rawValue
        case _: publicCode.rawValue
        }
    }
}

/// Gatehouse's own answers in the words of JSON-RPC.
package enum RPCAnswer {
    /// One error, or a batch of them.
    ///
    /// - Parameters:
    ///   - argument: the path of the argument for which a call was denied.
    ///   - ids: of the requests that are answered, as they were written.
    package static func errors(
        _ reason: Reason,
        argument: String? = nil,
        ids: [[UInt8]],
        isBatch: Bool,
        requestID: RequestID
    ) -> [UInt8] {
        guard isBatch else { return error(reason, argument, id: ids.first ?? Array("null".utf8), requestID) }
        return Array("[".utf8)
            + ids.map { error(reason, argument, id: $0, requestID) }.joined(separator: Array(",".utf8))
            + Array("]".utf8)
    }

    /// One message as an event of its own, as servers of every SDK write it.
    package static func event(_ message: [UInt8]) -> [UInt8] {
        Array("event: message\ndata: ".utf8) + message + Array("\n\n".utf8)
    }

    /// The answer that ends a `subscriptions/listen` in order: without it a client takes its stream for lost.
    ///
    /// - Parameter id: the request's id as it was written, which names the subscription too.
    package static func listenEnded(id: [UInt8]) -> [UInt8] {
        Array(#"{"jsonrpc":"2.0","id":"#.utf8) + id
            + Array(#","result":{"resultType":"complete","_meta":{"io.modelcontextprotocol/subscriptionId":"#.utf8) + id
            + Array("}}}".utf8)
    }

    private static func error(
        _ reason: Reason,
        _ argument: String?,
        id: [UInt8],
        _ requestID: RequestID
    ) -> [UInt8] {
        // Neither reasons nor messages hold what JSON would escape; a test holds the table to it.
        var text = #"{"jsonrpc":"2.0","id":"#
        text.reserveCapacity(256)
        var bytes = Array(text.utf8) + id
        text = #","error":{"code":\#(reason.rpcCode ?? -32603),"message":"\#(reason.answer.message)","#
        text += #""data":{"reason":"\#(reason.rpcReason)","request_id":"\#(requestID)""#
        bytes += text.utf8
        if let argument {
            var path = JSONText()
            path.string(nil, argument)
            bytes += Array(#","argument":"#.utf8) + path.bytes
        }
        bytes += "}}}".utf8
        return bytes
    }
}
