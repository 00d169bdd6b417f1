internal import GatehouseCore
internal import GatehouseMCP

/// The answer to a request that is refused.
enum RefusalPhase {
    /// Notes in `exchange` the JSON-RPC error that the answer is.
    static func answer(_ reason: Reason, _ exchange: Exchange) -> LocalResponse {
        var answer = LocalResponse(reason)
        let errors = offered(reason, exchange) ?? rpcErrors(reason, exchange)
        answer.status = status(of: reason, exchange, isRPC: errors != nil)
        if let errors { answer.content = .answer(errors) }
        answer.retryAfter = exchange.answer.retryAfter
        answer.challenge = exchange.route?.challenge ?? []
        answer.lines = exchange.crossOrigin?.lines ?? []
        // The two statuses by which every proxy denies; nginx makes 500 of any other.
        if exchange.isQuestion, answer.status != Reason.assertionMissing.status {
            answer.status = Reason.principalDenied.status
        }
        if case .methodDenied = reason {
            answer.lines += RequestAdmission.allow(exchange.route).withUTF8Buffer { Array($0) }
        }
        return answer
    }

    /// The refusal as JSON-RPC errors, when a caller waits for an answer of that form.
    private static func rpcErrors(_ reason: Reason, _ exchange: Exchange) -> [UInt8]? {
        let waiting = exchange.call.waiting
        guard !waiting.isEmpty, let code = reason.rpcCode else { return nil }
        exchange.answer.rpcError = String(code)
        return RPCAnswer.errors(
            reason,
            argument: exchange.answer.argument,
            ids: waiting.all,
            isBatch: waiting.isBatch,
            requestID: exchange.id
        )
    }

    /// Where the caller may connect an own token.
    private static func offered(_ reason: Reason, _ exchange: Exchange) -> [UInt8]? {
        guard reason == .tokenMissing || reason == .tokenNeedsConnecting, let offer = exchange.call.offer else {
            return nil
        }
        exchange.answer.rpcError = offer.code(reason).map { String($0) } ?? "input_required"
        let waiting = exchange.call.waiting
        return RPCAnswer.offer(offer, reason, ids: waiting.all, isBatch: waiting.isBatch, requestID: exchange.id)
    }

    private static func status(of reason: Reason, _ exchange: Exchange, isRPC: Bool) -> Int {
        switch reason {
        // A notification has no answer that could carry the refusal, so its status does.
        case .targetMalformed: isRPC ? 200 : reason.status
        case .toolDenied, .promptDenied, .resourceDenied, .argumentsDenied, .toolUnapproved, .taskUnknown,
            .requestStateUnknown, .tasksListDenied, .tokenMissing, .tokenNeedsConnecting:
            isRPC ? 200 : Reason.principalDenied.status
        case _:
            // Clients that give up on a 5xx give up on a 429, too.
            isRPC && (reason.status >= 500 || reason == .rateLimited)
                && exchange.route?.route.answersErrorsAs200 == true ? 200 : reason.status
        }
    }
}
