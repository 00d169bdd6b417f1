internal import GatehouseCore

/// The header fields that a route sets, ready to be copied into the upstream request.
enum InjectedFields: Sendable {
    /// The same for every caller: the lines are rendered already.
    case fixed(Secret)
    /// Some value contains data of the caller: rendered for each request from these pieces.
    case perCaller([Piece])
    /// The route's token is each caller's own: rendered with it, or without the fields that hold it.
    case personal(with: [Piece], without: [Piece])
    /// A token that the route needs is not in the store.
    case unavailable(TokenName)

    enum Piece: Sendable {
        case bytes(Secret)
        case email
        case subject
        case principal
        case assertion
        case claim(MemberPath)
        /// The caller's own token.
        case ownToken

        var isAssertion: Bool {
            if case .assertion = self { true } else { false }
        }

        var isOwnToken: Bool {
            if case .ownToken = self { true } else { false }
        }
    }

    init(_ injections: [Injection], tokens: TokenSnapshot) {
        var pieces: [Piece] = []
        var without: [Piece] = []
        var namesCaller = false
        var isPersonal = false
        for injection in injections {
            let start = pieces.count
            pieces.append(.bytes(Secret(injection.name.text + ": ")))
            for part in injection.value.parts {
                switch part {
                case .literal(let text): pieces.append(.bytes(Secret(text)))
                case .token(let name) where tokens.personal.fallsBack[name] != nil: pieces.append(.ownToken)
                case .token(let name):
                    guard let value = tokens.tokens[name] else {
                        self = .unavailable(name)
                        return
                    }
                    pieces.append(.bytes(value.secret))
                case .email: pieces.append(.email)
                case .subject: pieces.append(.subject)
                case .principal: pieces.append(.principal)
                case .assertion: pieces.append(.assertion)
                case .claim(let path): pieces.append(.claim(path))
                }
                if case .bytes = pieces[pieces.count - 1] { continue }
                namesCaller = true
            }
            pieces.append(.bytes(Secret("\r\n")))
            let line = pieces[start...]
            if line.contains(where: \.isOwnToken) { isPersonal = true } else { without += line }
        }
        self =
            isPersonal
            ? .personal(with: pieces, without: without)
            : namesCaller
                ? .perCaller(pieces)
                : .fixed(Self.render(pieces, for: .nobody, .none, UnsafeRawBufferPointer(start: nil, count: 0)))
    }

    /// Whether the lines hold the assertion, which is another one for each sign-in of a caller.
    var holdAssertion: Bool {
        switch self {
        case .perCaller(let pieces), .personal(let pieces, _): pieces.contains(where: \.isAssertion)
        case .fixed, .unavailable: false
        }
    }

    /// The lines for a caller whose assertion is no longer there, nil when it is one of them.
    ///
    /// - Parameter token: the caller's own, where the route's is personal.
    func lines(for caller: Caller, token: Secret? = nil) -> Secret? {
        holdAssertion ? nil : lines(for: caller, UnsafeRawBufferPointer(start: nil, count: 0), token: token)
    }

    /// The lines for one caller, nil when a token is missing.
    ///
    /// - Parameters:
    ///   - assertion: which established the caller; empty when none did.
    ///   - token: the caller's own, where the route's is personal; nil for one who has none.
    func lines(
        for caller: Caller,
        _ assertion: UnsafeRawBufferPointer,
        token: Secret? = nil
    ) -> Secret? {
        let (principal, attributes) = (caller.principal, caller.attributes)
        return switch self {
        case .fixed(let lines): lines
        case .perCaller(let pieces): Self.render(pieces, for: principal, attributes, assertion)
        case .personal(let with, let without):
            token.map { Self.render(with, for: principal, attributes, assertion, $0) }
                ?? Self.render(without, for: principal, attributes, assertion)
        case .unavailable: nil
        }
    }

    /// Whether a caller has every claim that is injected, in a form that a field can carry.
    func haveClaims(of caller: Caller) -> Bool {
        switch self {
        case .fixed, .unavailable: true
        case .perCaller(let pieces), .personal(let pieces, _):
            pieces.allSatisfy {
                if case .claim(let path) = $0 { Self.text(of: path, caller.attributes) != nil } else { true }
            }
        }
    }

    /// Bytes of an injected claim.
    static let maximumClaim = 4 << 10

    /// The texts of a claim as one, with commas between; nil for one that is not there, is too long, or would be taken for another: white space at its
    /// ends is no part of a field's value, and a comma in a text of several would make two of it.
    private static func text(of path: MemberPath, _ attributes: CallerAttributes) -> String? {
        guard let texts = attributes.claims[path] else { return nil }
        let isClear = texts.allSatisfy {
            $0.isFieldValueSafe && $0.first != " " && $0.last != " " && (texts.count == 1 || !$0.contains(","))
        }
        let text = texts.joined(separator: ",")
        return isClear && text.utf8.count <= maximumClaim ? text : nil
    }

    private static func render(
        _ pieces: [Piece],
        for principal: Principal,
        _ attributes: CallerAttributes,
        _ assertion: UnsafeRawBufferPointer,
        _ token: Secret? = nil
    ) -> Secret {
        // A principal holds no control characters, and an assertion nothing but base64url and dots: the verifier refuses any other.
        func text(_ piece: Piece) -> String {
            switch piece {
            case .bytes, .assertion, .ownToken: ""
            case .email: principal.kind == .user ? principal.name : ""
            case .subject: principal.subject
            case .principal: principal.name
            case .claim(let path): Self.text(of: path, attributes) ?? ""
            }
        }
        let count = pieces.reduce(0) { total, piece in
            switch piece {
            case .bytes(let secret): total + secret.count
            case .assertion: total + assertion.count
            case .ownToken: total + (token?.count ?? 0)
            case .email, .subject, .principal, .claim: total + text(piece).utf8.count
            }
        }
        return Secret(count: count) { bytes in
            var end = 0
            for piece in pieces {
                switch piece {
                case .bytes(let secret):
                    secret.withUnsafeBytes { bytes[end...].copyBytes(from: $0) }
                    end += secret.count
                case .ownToken:
                    token?.withUnsafeBytes { bytes[end...].copyBytes(from: $0) }
                    end += token?.count ?? 0
                case .assertion:
                    bytes[end...].copyBytes(from: assertion)
                    end += assertion.count
                case .email, .subject, .principal, .claim:
                    bytes[end...].copyBytes(from: text(piece).utf8)
                    end += text(piece).utf8.count
                }
            }
        }
    }
}
