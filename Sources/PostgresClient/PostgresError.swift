/// Why the database did not do as asked. The message names the condition and what belongs to the schema; it never holds
/// a value, a statement's text or a password.
package struct PostgresError: Error, Sendable, CustomStringConvertible {
    package enum Code: String, Sendable {
        /// The URL is not a `postgres://` or `postgresql://` URL that libpq understands.
        case invalidURL
        /// No server answered, or it refused the connection: user, password, database, TLS, too many clients.
        case connectionFailed
        /// The connect or statement timeout has passed.
        case timeout
        /// The calling task was cancelled. A statement under way has an unknown outcome and the connection is closed.
        case cancelled
        /// The connection broke or was closed. A statement under way has an unknown outcome.
        case connectionLost
        /// The server refused the statement; see ``PostgresError/sqlState``.
        case statementFailed
        /// A parameter or batch that cannot be sent.
        case invalidParameter
        /// A column that does not exist, is null, or is not of the type asked for.
        case unexpectedResult
        /// The tables were made by a newer release.
        case schemaTooNew
        /// No thread or memory for a connection.
        case failed
    }

    package enum Source: String, Sendable {
        case upstream, gatehouse
    }

    package let code: Code
    package let message: String
    /// Five characters (PostgreSQL, appendix A), when the server answered with an error.
    package let sqlState: String?

    package var source: Source {
        switch code {
        case .connectionFailed, .timeout, .connectionLost, .statementFailed: .upstream
        case .invalidURL, .cancelled, .invalidParameter, .unexpectedResult, .schemaTooNew, .failed: .gatehouse
        }
    }

    /// Whether a row with this key is there already.
    package var isUniqueViolation: Bool { sqlState == "23505" }

    /// Whether the whole transaction may be tried again: it lost against a concurrent one.
    package var isSerializationFailure: Bool { sqlState == "40001" || sqlState == "40P01" }

    package var description: String { message }

    package init(_ code: Code, _ message: String, sqlState: String? = nil) {
        self.code = code
        self.message = message
        self.sqlState = sqlState
    }

    static var lost: PostgresError { PostgresError(.connectionLost, "the connection to the database is lost") }
    static var cancelled: PostgresError { PostgresError(.cancelled, "the call to the database was cancelled") }
}

extension PostgresError {
    /// The server's own text is not repeated: it quotes values ("invalid input syntax for type integer: …").
    init(sqlState: String, schemaNames: [String]) {
        let condition =
            switch sqlState {
            case "08P01": "the server, or a pooler before it, does not speak the protocol as expected"
            case "22P05": "the database's encoding, which is not UTF8, has no place for a character"
            case "23502": "a required column has no value"
            case "23503": "a row that is referred to does not exist"
            case "23505": "a row with this key exists already"
            case "25006": "the database is read-only: a standby, or default_transaction_read_only is set"
            case "25P02": "an earlier statement of the transaction has failed"
            case "25P03", "57P05": "the server ended a session that was idle for too long"
            case "28000", "28P01": "the database refuses the user or the password"
            case "3D000": "there is no such database"
            case "3F000": "there is no such schema"
            case "40001", "40P01": "the transaction lost against a concurrent one"
            case "42501": "the database user lacks the privilege"
            case "42703": "a column does not exist"
            case "42704": "a type or another object does not exist"
            case "42883": "a function does not exist"
            case "42P01": "a table does not exist"
            case "42P07": "a table with this name exists already"
            case "53100": "the database's disk is full"
            case "53200": "the database server is out of memory"
            case "53300": "the database has too many connections"
            case "55006": "the object is in use"
            case "55P03": "a lock was not to be had in time"
            case "57014": "the statement took longer than its timeout"
            case "57P01": "the database server is shutting down, or an operator ended the session"
            case "57P02": "the database server has crashed and restarts"
            case "57P03": "the database server does not take connections yet: it starts, stops or recovers"
            case "58030": "the database server cannot read or write its disk"
            case "XX001", "XX002": "the database finds its data or an index damaged"
            default: Self.condition(ofClass: sqlState.prefix(2))
            }
        let names = schemaNames.isEmpty ? "" : " (\(schemaNames.joined(separator: ", ")))"
        self.init(
            sqlState == "57014" ? .timeout : .statementFailed,
            "\(condition)\(names) [\(sqlState)]",
            sqlState: sqlState
        )
    }

    /// The first two characters are the class of the condition (PostgreSQL, appendix A).
    private static func condition(ofClass sqlClass: Substring) -> String {
        switch sqlClass {
        case "08": "the connection failed"
        case "22": "a value does not fit its type"
        case "23": "a constraint does not hold"
        case "25": "the transaction is in the wrong state"
        case "28": "the database user is not admitted"
        case "40": "the transaction was rolled back"
        case "42": "the statement is wrong or not allowed"
        case "53": "the database is out of a resource"
        case "55": "an object is not in the required state"
        case "57": "an operator intervened"
        case "58": "the database's system failed"
        default: "the database refused the statement"
        }
    }
}
