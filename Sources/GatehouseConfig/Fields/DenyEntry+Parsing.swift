package import GatehouseCore

extension DenyEntry {
    /// The text of an entry as an operator types it, held to what `access.deny` takes. What could match nobody is refused: its author would believe the
    /// caller denied.
    ///
    /// - Throws: ``InvalidValue`` saying what is wanted.
    package static func checked(_ text: String, _ kind: Kind) throws(InvalidValue) -> String {
        guard text.utf8.count <= maximumLength else {
            throw InvalidValue("a \(kind.word) has at most \(maximumLength) bytes")
        }
        switch kind {
        case .user:
            let glob = try Glob.addresses(parsing: text)
            guard text.contains("*") || text.contains("@") && !text.hasPrefix("@") else {
                throw InvalidValue(
                    "\(PlainText.echo(text)) matches nobody: it is no address",
                    suggestion: "ada@example.com, or \"*@example.com\" for everybody of the domain"
                )
            }
            return glob.pattern
        case .serviceToken: return try Glob(parsing: text, wanted: "a client id").pattern
        case .subject: return try Glob(parsing: text, wanted: "a subject").pattern
        case .group: return try Glob(parsing: text, wanted: "a group").pattern
        }
    }
}
