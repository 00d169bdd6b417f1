internal import GatehouseCore

/// The header fields that a route sets, ready to be copied into the upstream request.
enum InjectedFields: Sendable {
    /// The same for every caller: the lines are rendered already.
    case fixed(Secret)
    /// Some value names the caller: rendered for each request from these pieces.
    case perCaller([Piece])
    /// A token that the route needs is not in the store.
    case unavailable(TokenName)

    enum Piece: Sendable {
        case bytes(Secret)
        case email
        case subject
        case principal
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
                }
                if case .bytes = pieces[pieces.count - 1] { continue }
                namesCaller = true
            }
            pieces.append(.bytes(Secret("\r\n")))
        }
        self = namesCaller ? .perCaller(pieces) : .fixed(Self.render(pieces, for: .nobody))
    }

    /// The lines for one caller, nil when a token is missing.
    func lines(for principal: Principal) -> Secret? {
        switch self {
        case .fixed(let lines): lines
        case .perCaller(let pieces): Self.render(pieces, for: principal)
        case .unavailable: nil
        }
    }

    private static func render(_ pieces: [Piece], for principal: Principal) -> Secret {
        func text(_ piece: Piece) -> String {
            switch piece {
            case .bytes: ""
            case .email: principal.kind == .user ? principal.name : ""
            case .subject: principal.subject
            case .principal: principal.name
            }
        }
        let count = pieces.reduce(0) { total, piece in
            if case .bytes(let secret) = piece { total + secret.count } else { total + text(piece).utf8.count }
        }
        return Secret(count: count) { bytes in
            var end = 0
            for piece in pieces {
                if case .bytes(let secret) = piece {
                    secret.withUnsafeBytes { bytes[end...].copyBytes(from: $0) }
                    end += secret.count
                } else {
                    // A principal holds no control characters: the verifier refuses such names.
                    bytes[end...].copyBytes(from: text(piece).utf8)
                    end += text(piece).utf8.count
                }
            }
        }
    }
}
