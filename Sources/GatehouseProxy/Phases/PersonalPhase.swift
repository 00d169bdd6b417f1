internal import GatehouseCore
internal import GatehouseMCP

/// The token of a caller on a route where each has an own one.
enum PersonalPhase {
    enum Choice {
        case token(TokenValue)
        /// The request goes up without one: a client has to begin somewhere, and an upstream that minds says so.
        case nothing
        case refused(Reason)
    }

    /// Chooses, and notes the choice in `exchange`.
    static func choose(_ exchange: Exchange, _ personal: PersonalInjection, _ tokens: PersonalTokens) -> Choice {
        guard let caller = exchange.caller else { preconditionFailure("a token is for an established caller") }
        let owner = caller.owner
        func note(_ given: PersonalUse.Given) {
            exchange.personal = PersonalUse(token: personal.token, owner: owner, given: given)
        }
        func lacks(_ reason: Reason) -> Choice {
            note(.nothing(reason))
            return goesUpWithout(exchange) ? .nothing : .refused(reason)
        }
        if let owner {
            // Before the store is read, nobody knows whether the caller has one.
            guard tokens.isRead else { return .refused(.tokenUnavailable) }
            switch tokens[personal.token, owner] {
            case .usable(let value, let renews)?:
                note(.own(version: value.version, renews: renews))
                return .token(value)
            case .unavailable?: return .refused(.tokenUnavailable)
            case .needsConnecting?: return lacks(.tokenNeedsConnecting)
            case nil: break
            }
        }
        guard let shared = personal.shared else { return lacks(.tokenMissing) }
        note(.shared(version: shared.version))
        return .token(shared)
    }

    /// Whether a request is of those with which a client begins: they ask what there is, and act on nothing.
    private static func goesUpWithout(_ exchange: Exchange) -> Bool {
        guard let route = exchange.route, route.isGated else { return false }
        guard let call = exchange.call.received else { return true }
        return !call.body.contains { message in
            switch message.known {
            case .initialize, .initialized, .discover, .ping, .toolsList, .promptsList, .resourcesList, .templatesList:
                false
            case _: message.kind == .request
            }
        }
    }

    /// The offer to connect one, in the words that the client understands; nil where no caller waits for an answer.
    ///
    /// - Parameter body: the payload, in which the client says what it can do.
    static func offer(
        _ reason: Reason,
        _ exchange: Exchange,
        _ personal: PersonalInjection,
        _ version: ProtocolVersion,
        _ body: UnsafeRawBufferPointer
    ) -> ConnectOffer? {
        guard !exchange.call.waiting.isEmpty else { return nil }
        return ConnectOffer(
            form(exchange, personal, version, body),
            personal.token,
            at: personal.address,
            isAnew: reason == .tokenNeedsConnecting
        )
    }

    private static func form(
        _ exchange: Exchange,
        _ personal: PersonalInjection,
        _ version: ProtocolVersion,
        _ body: UnsafeRawBufferPointer
    ) -> ConnectOffer.Form {
        // A service has no user who could open an address.
        guard let caller = exchange.caller, caller.principal.kind == .user, let route = exchange.route?.route,
            case .single(let message)? = exchange.call.received?.body
        else { return .message }
        if version.mirrorsBody {
            // A client that comes back without a token is told in words: asked again at once, it would go round in circles.
            guard message.known.mayGoOn, !exchange.call.owned.cuts.answersConnectOffer,
                ElicitationSupport.isSaidInRequest(body), let target = message.target?.string(in: body),
                let tag = target.withResolvedBytes({ target in
                    tagged(
                        .connectState(message.known, target: target),
                        ConnectOffer.state,
                        exchange.tags,
                        route,
                        caller
                    )
                })
            else { return .message }
            return .inputRequired(state: ConnectOffer.state + tag)
        }
        guard version.elicitsByError, exchange.session.bound?.opensAddresses == true,
            let id = elicitationID(of: personal.token, for: caller, on: route, exchange.tags)
        else { return .message }
        return .elicitationError(id: id)
    }

    /// The id of the elicitation for a token, the same for as long as the keys are.
    static func elicitationID(
        of token: TokenName,
        for caller: Caller,
        on route: Route,
        _ tags: SessionTags
    ) -> String? {
        tagged(.elicitation, token.text, tags, route, caller).map { String($0.dropFirst()) }
    }

    /// The tag, which begins with a dot.
    private static func tagged(
        _ kind: OwnedKind,
        _ value: String,
        _ tags: SessionTags,
        _ route: Route,
        _ caller: Caller
    ) -> String? {
        var value = value
        return value.withUTF8 { value in
            tags.owned.tag(
                kind,
                UnsafeRawBufferPointer(value),
                route: route.name,
                principal: caller.principal
            )
        }.map { String(decoding: $0, as: UTF8.self) }
    }
}
