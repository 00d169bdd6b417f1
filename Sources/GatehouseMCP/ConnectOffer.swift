package import GatehouseCore

/// The answer to a call of somebody who has no token of their own yet: where to connect one, in the words that the client understands.
package struct ConnectOffer: Sendable, Equatable {
    package enum Form: Sendable, Equatable {
        /// An `input_required` result with one `elicitation/create` in mode `url` (2026-07-28). The state comes back with the next try.
        case inputRequired(state: String)
        /// Error -32042 with the elicitation (2025-11-25, for clients that have said that they open addresses).
        case elicitationError(id: String)
        /// An error whose message holds the address, for every other client.
        case message
    }

    /// The key of the one request in an `input_required` result, and of its answer.
    package static let requestKey = "gatehouse-connect"
    /// The state of such a result before its tag.
    package static let state = "gatehouse-connect"
    package static let elicitationCode = -32042

    package let form: Form
    package let token: TokenName
    package let address: String
    /// Whether there was a token, which is not taken any more.
    package let isAnew: Bool

    package init(_ form: Form, _ token: TokenName, at address: String, isAnew: Bool) {
        self.form = form
        self.token = token
        self.address = address
        self.isAnew = isAnew
    }

    package var message: String {
        isAnew
            ? "Your connection to \(token) has ended. Connect it again, then repeat the call: \(address)"
            : "Connect your own account to \(token), then repeat the call: \(address)"
    }

    /// The JSON-RPC answer to one request.
    ///
    /// - Parameter id: as it was written.
    func answer(_ reason: Reason, id: [UInt8], _ requestID: RequestID) -> [UInt8] {
        var rest = JSONText()
        rest.object { json in
            json.string("jsonrpc", "2.0")
            switch form {
            case .inputRequired(let state):
                json.object("result") { json in
                    json.string("resultType", "input_required")
                    json.object("inputRequests") { json in
                        json.object(Self.requestKey) { json in
                            json.string("method", "elicitation/create")
                            json.object("params") { elicitation(&$0, id: nil) }
                        }
                    }
                    json.string("requestState", state)
                }
            case .elicitationError(let elicitationID):
                json.object("error") { json in
                    json.number("code", Self.elicitationCode)
                    json.string("message", message)
                    json.object("data") { json in
                        json.array("elicitations") { json in json.object { elicitation(&$0, id: elicitationID) } }
                        json.string("reason", reason.rawValue)
                        json.string("request_id", "\(requestID)")
                    }
                }
            case .message:
                json.object("error") { json in
                    json.number("code", reason.rpcCode ?? Self.elicitationCode)
                    json.string("message", message)
                    json.object("data") { json in
                        json.string("reason", reason.rawValue)
                        json.string("url", address)
                        json.string("request_id", "\(requestID)")
                    }
                }
            }
        }
        // The id goes in as it came: nobody reads it here.
        return Array(#"{"id":"#.utf8) + id + Array(",".utf8) + rest.bytes.dropFirst()
    }

    private func elicitation(_ json: inout JSONText, id: String?) {
        json.string("mode", "url")
        if let id { json.string("elicitationId", id) }
        json.string("url", address)
        json.string("message", message)
    }

    /// The code of the JSON-RPC error that the answer is; nil for a result.
    package func code(_ reason: Reason) -> Int? {
        switch form {
        case .inputRequired: nil
        case .elicitationError: Self.elicitationCode
        case .message: reason.rpcCode
        }
    }

    /// The notification that an elicitation is done.
    package static func completed(id: String) -> [UInt8] {
        var json = JSONText()
        json.object { json in
            json.string("jsonrpc", "2.0")
            json.string("method", "notifications/elicitation/complete")
            json.object("params") { $0.string("elicitationId", id) }
        }
        return json.bytes
    }
}

extension RPCAnswer {
    /// The offer to each request that waits, or a batch of them.
    package static func offer(
        _ offer: ConnectOffer,
        _ reason: Reason,
        ids: [[UInt8]],
        isBatch: Bool,
        requestID: RequestID
    ) -> [UInt8] {
        let answers = ids.map { offer.answer(reason, id: $0, requestID) }
        guard isBatch else { return answers.first ?? [] }
        return Array("[".utf8) + answers.joined(separator: Array(",".utf8)) + Array("]".utf8)
    }
}
