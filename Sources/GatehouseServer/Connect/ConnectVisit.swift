internal import GatehouseCore
internal import GatehouseTokens

/// One request of one person.
struct ConnectVisit: Sendable {
    let handler: ConnectHandler
    let site: ConnectSite
    let visitor: ConnectVisitor
    let forms: ConnectForms

    private var now: Timestamp { handler.clock.now() }
    private var owner: TokenOwner { visitor.person.owner }
    private var tokens: [ConnectableToken] { site.tokens(on: visitor.host, for: visitor.audiences) }

    // MARK: - Reading

    func page(_ request: LocalRequest) async -> LocalAnswer {
        let tokens = tokens
        let now = now
        let load: GrantLoad
        do throws(ConnectFailure) {
            load = try await handler.connector.grants(tokens.map(\.name), of: owner)
        } catch {
            return failed(error)
        }
        let notice = request.query.flatMap { FormFields($0.utf8) }?[ConnectNotice.field].flatMap {
            ConnectNotice($0, openedBy: forms.seal, for: owner, at: now)
        }
        let entries = tokens.map { token in
            ConnectPage.Entry(
                token: token,
                state: ConnectPage.State(load, GrantKey(token.name, owner: owner), at: now)
            ) { forms.key($0, token.name, owner, at: now) }
        }
        let page = ConnectPage(
            email: visitor.person.email,
            host: visitor.host.name,
            path: site.path,
            entries: entries,
            notice: notice,
            now: now
        )
        return LocalAnswer(type: ConnectStyle.type, body: page.html, fields: ConnectStyle.fields)
    }

    // MARK: - Coming back from a vendor

    /// The answer of a vendor comes by a link of its own site: neither its origin nor a form says that it is meant, only its `state`.
    func callback(_ request: LocalRequest) async -> LocalAnswer {
        guard let query = request.query.flatMap({ FormFields($0.utf8) }), let answer = AuthorizationAnswer(query) else {
            return failed(ConnectFailure(.unknownState, "this is not an answer of a vendor", hint: "connect again"))
        }
        let tokens = tokens
        do throws(ConnectFailure) {
            let connected = try await handler.connector.finish(
                answer,
                for: visitor.person,
                page: site.page(of: visitor.host)
            ) { name in tokens.first { $0.name == name }?.connection }
            return done(connected)
        } catch {
            return failed(error)
        }
    }

    // MARK: - Forms

    func act(_ action: ConnectForms.Action, _ request: LocalRequest) async -> LocalAnswer {
        guard isFromPage(request), request.field("Content-Type") == "application/x-www-form-urlencoded",
            let form = request.withBody({ FormFields($0) }), let name = form[ConnectForms.tokenField],
            let key = form[ConnectForms.keyField], let token = tokens.first(where: { $0.name.text == name })
        else { return Self.foreign.answer(.forbidden, page: site.path) }
        guard forms.take(key, action, token.name, owner, at: now) else {
            return Self.outdated.answer(.conflict, page: site.path)
        }
        do throws(ConnectFailure) {
            switch action {
            case .connect: return try await connect(token)
            case .paste: return done(try await paste(form.secret(ConnectForms.valueField), as: token))
            case .disconnect: return try await disconnect(token)
            }
        } catch {
            return failed(error)
        }
    }

    /// A form of another site cannot say that it is of this one (Fetch Metadata; RFC 6454 section 7).
    private func isFromPage(_ request: LocalRequest) -> Bool {
        let site = request.field("Sec-Fetch-Site")
        return request.field("Origin") == self.site.origin(visitor.host) && (site == nil || site == "same-origin")
    }

    private func connect(_ token: ConnectableToken) async throws(ConnectFailure) -> LocalAnswer {
        guard let connection = token.connection else {
            throw ConnectFailure(.unsupported, "the token '\(token.name)' is pasted")
        }
        let url = try await handler.connector.begin(
            token.name,
            by: connection,
            for: owner,
            pages: site.pages(of: token.name, on: visitor.host)
        )
        return ConnectDeparture(url: url).answer
    }

    /// The routes' probes have to take the token before it is kept: a mistyped one would otherwise be noticed by a call that fails.
    private func paste(
        _ value: Secret?,
        as token: ConnectableToken
    ) async throws(ConnectFailure) -> TokenConnector.Connected {
        guard case .paste = token.way else {
            throw ConnectFailure(.unsupported, "the token '\(token.name)' is not pasted")
        }
        let pasted: TokenValue
        do throws(InvalidValue) { pasted = try TokenValue(validating: value ?? Secret(""), version: 1) } catch {
            throw ConnectFailure(.token, error.message, hint: "copy the whole token, and nothing around it")
        }
        for probe in site.probes(of: token.name, on: visitor.host) {
            switch await probe.ask(with: pasted, others: handler.others()) {
            case .works: break
            case .fails:
                throw ConnectFailure(
                    .token,
                    "'\(token.name)' does not take the token",
                    hint: "copy it again, or make a new one"
                )
            case .unclear:
                throw ConnectFailure(
                    .unavailable,
                    "whether '\(token.name)' takes the token could not be found out, so it was not kept",
                    hint: "try again in a few minutes"
                )
            }
        }
        return try await handler.connector.keep(pasted: pasted, as: token.name, for: visitor.person)
    }

    private func disconnect(_ token: ConnectableToken) async throws(ConnectFailure) -> LocalAnswer {
        let ending = try await handler.connector.end(token.name, of: visitor.person, by: token.connection)
        told(.disconnected, token.name)
        switch ending {
        case .revoked: return back(ConnectNotice(.revoked, token.name))
        case .notOffered: return back(ConnectNotice(.deleted, token.name))
        case .failed(let failure):
            problem(failure)
            return back(ConnectNotice(.notRevoked, token.name))
        }
    }

    // MARK: - Answers

    private func done(_ connected: TokenConnector.Connected) -> LocalAnswer {
        told(connected.wasReplaced ? .replaced : .connected, connected.token)
        return back(ConnectNotice(connected.wasReplaced ? .replaced : .connected, connected.token))
    }

    private func back(_ notice: ConnectNotice) -> LocalAnswer {
        let text = notice.sealed(by: forms.seal, for: owner, at: now)
        let fields = ConnectStyle.fields + [("Location", "\(site.path)?\(ConnectNotice.field)=\(text)")]
        return LocalAnswer(status: .seeOther, body: "", fields: fields)
    }

    private func told(_ kind: ConnectChange.Kind, _ token: TokenName) {
        handler.onChange(ConnectChange(kind: kind, token: token, owner: owner, email: visitor.person.email))
    }

    private func problem(_ failure: ConnectFailure) {
        handler.onProblem(ConnectProblem(failure: failure, owner: owner, email: visitor.person.email))
    }

    private func failed(_ failure: ConnectFailure) -> LocalAnswer {
        problem(failure)
        return ConnectMessage(failure).answer(Self.status(of: failure.code), page: site.path)
    }

    private static func status(of code: ConnectFailure.Code) -> LocalAnswer.Status {
        switch code {
        case .unavailable, .refusedAddress, .metadata, .otherIssuer, .unsupported, .registration, .rejected,
            .mixedUpIssuer:
            .badGateway
        case .denied, .otherPerson: .forbidden
        case .unknownState, .expiredState, .usedState: .badRequest
        case .token: .unprocessableContent
        case .store, .configuration: .serviceUnavailable
        }
    }

    private static let foreign = ConnectMessage(
        title: "This form is not from your page",
        words: "What was sent does not come from the page itself, so nothing was done.",
        advice: "Use the buttons of the page."
    )
    private static let outdated = ConnectMessage(
        title: "This form was used or is too old",
        words: "Each form of the page is good once, for an hour. Nothing was done now.",
        advice: "Go back to the page, which has new ones."
    )
}
