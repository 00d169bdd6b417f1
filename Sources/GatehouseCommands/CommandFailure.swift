internal import AccessIdentity
internal import GatehouseAudit
internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseServer
internal import GatehouseTokens

/// How a command ends when it does not succeed.
struct CommandFailure: Error {
    enum Code: Int32 {
        case failed = 1
        case usage = 64
        case badConfiguration = 78
    }

    let code: Code
    /// Complete lines, printed as they are.
    let lines: [String]

    init(_ code: Code, lines: [String]) {
        self.code = code
        self.lines = lines
    }

    init(_ message: String, hint: String? = nil, code: Code = .failed) {
        self.code = code
        lines = ["gatehouse: error: \(message.visible)"] + (hint.map { ["gatehouse: hint: \($0.visible)"] } ?? [])
    }

    /// Translates a module's error. Underlying errors are left out where the module's own message is enough: the module knows which details may be
    /// shown.
    init(_ error: any Error) {
        switch error {
        case let failure as CommandFailure: self = failure
        case let error as TokenError: self.init(error.message, hint: error.hint)
        case let error as GatehouseError: self.init(error.explanation, hint: error.hint)
        case let error as AccessIdentityError: self.init(error.description)
        case let error as AuditError: self.init(error.description, hint: error.hint)
        case let error as InvalidValue: self.init(error.message, hint: error.suggestion)
        case let error as ConfigurationError:
            self.init(.badConfiguration, lines: error.diagnostics.map(\.description))
        case _: self.init("\(error)")
        }
    }
}

extension GatehouseError {
    /// The message and, for a listener, why the system refused it.
    fileprivate var explanation: String {
        guard let underlying else { return message }
        return "\(message): \(underlying)"
    }
}
