internal import GatehouseCore

/// The header fields that a route sets, ready to be copied into the upstream request.
enum InjectedFields: Sendable {
    /// The same for every caller: the lines are rendered already.
    case fixed(Secret)
    /// Some value contains data of the caller: rendered for each request from these pieces.
    case perCaller([Piece])
    /// A token that the route needs is not in the store.
    case unavailable(TokenName)

    enum Piece: Sendable {
        case bytes(Secret)
        case email
        case subject
        case principal
        case assertion

        var isAssertion: Bool {
            if case .assertion = self { true } else { false }
        }
    }

    init(_ injections: [Injection], tokens: TokenSnapshot) {
        var pieces: [Piece] = []
        var namesCaller = false
        for injection in injections {
            pieces.append(.bytes(Secret(injection.name.text + ": ")))
            for part in injection.value.parts {
                switch part {
                case .literal(let text): pieces.append(.bytes(Secret(text)))
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
                }
                if case .bytes = pieces[pieces.count - 1] { continue }
                namesCaller = true
            }
            pieces.append(.bytes(Secret("\r\n")))
        }
        self =
            namesCaller
            ? .perCaller(pieces)
            : .fixed(Self.render(pieces, for: .nobody, UnsafeRawBufferPointer(start: nil, count: 0)))
    }

    /// The lines for a caller whose assertion is no longer there, nil when it is one of them.
    func lines(for principal: Principal) -> Secret? {
        if case .perCaller(let pieces) = self, pieces.contains(where: \.isAssertion) { return nil }
        return lines(for: principal, UnsafeRawBufferPointer(start: nil, count: 0))
    }

    /// The lines for one caller, nil when a token is missing.
    ///
    /// - Parameter assertion: which established the caller; empty when none did.
    func lines(for principal: Principal, _ assertion: UnsafeRawBufferPointer) -> Secret? {
        switch self {
        case .fixed(let lines): lines
        case .perCaller(let pieces): Self.render(pieces, for: principal, assertion)
        case .unavailable: nil
        }
    }

    private static func render(
        _ pieces: [Piece],
        for principal: Principal,
        _ assertion: UnsafeRawBufferPointer
    ) -> Secret {
        // A principal holds no control characters, and an assertion nothing but base64url and dots: the verifier refuses any other.
        func text(_ piece: Piece) -> String {
            switch piece {
            case .bytes, .assertion: ""
            case .email: principal.kind == .user ? principal.name : ""
            case .subject: principal.subject
            case .principal: principal.name
            }
        }
        let count = pieces.reduce(0) { total, piece in
            switch piece {
            case .bytes(let secret): total + secret.count
            case .assertion: total + assertion.count
            case .email, .subject, .principal: total + text(piece).utf8.count
            }
        }
        return Secret(count: count) { bytes in
            var end = 0
            for piece in pieces {
                switch piece {
                case .bytes(let secret):
                    secret.withUnsafeBytes { bytes[end...].copyBytes(from: $0) }
                    end += secret.count
                case .assertion:
                    bytes[end...].copyBytes(from: assertion)
                    end += assertion.count
                case .email, .subject, .principal:
                    bytes[end...].copyBytes(from: text(piece).utf8)
                    end += text(piece).utf8.count
                }
            }
        }
    }
}
