/// How to reach a database. Prints without the URL, which may carry a password.
package struct PostgresOptions: Sendable {
    /// Time until the session is ready, over all hosts of the URL; beyond it ``PostgresError/Code/timeout``. Resolving a name
    /// is the system's work and not bounded by it.
    package static let defaultConnectTimeout: Duration = .seconds(5)
    /// One statement or batch, on the server; beyond it ``PostgresError/Code/timeout``.
    package static let defaultStatementTimeout: Duration = .seconds(30)
    /// How much later than the statement timeout a silent server's connection is given up.
    package static let grace: Duration = .seconds(2)

    let url: String
    package var connectTimeout: Duration
    package var statementTimeout: Duration
    /// The name that the server shows for this connection, unless the URL says otherwise.
    package var applicationName: String

    /// - Parameters:
    ///   - url: `postgres://user:password@host:port/database?sslmode=verify-full`; TLS is as its parameters say, by
    ///     libpq's default `prefer`. What it leaves out comes from libpq's own variables and files.
    ///   - connectTimeout: ``defaultConnectTimeout``.
    ///   - statementTimeout: ``defaultStatementTimeout``.
    ///   - applicationName: Shown in `pg_stat_activity`.
    package init(
        url: String,
        connectTimeout: Duration = PostgresOptions.defaultConnectTimeout,
        statementTimeout: Duration = PostgresOptions.defaultStatementTimeout,
        applicationName: String = "gatehouse"
    ) {
        self.url = url
        self.connectTimeout = connectTimeout
        self.statementTimeout = statementTimeout
        self.applicationName = applicationName
    }
}

extension PostgresOptions: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "<redacted>" }
    package var debugDescription: String { "<redacted>" }
    package var customMirror: Mirror { Mirror(self, children: [:]) }
}
