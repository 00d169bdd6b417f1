internal import CPostgres

extension PostgresOptions {
    /// libpq's own message would quote a part of the URL, which may be its password.
    func checkURL() throws(PostgresError) {
        guard url.hasPrefix("postgres://") || url.hasPrefix("postgresql://"), !url.utf8.contains(0) else {
            throw PostgresError(.invalidURL, "the database URL does not start with postgres:// or postgresql://")
        }
        var message: UnsafeMutablePointer<CChar>?
        let parsed = PQconninfoParse(url, &message)
        PQfreemem(message)
        guard let parsed else { throw PostgresError(.invalidURL, "the database URL is malformed") }
        PQconninfoFree(parsed)
    }
}

/// Why the connection failed: host, user and database may show, passwords do not.
func connectionMessage(_ connection: OpaquePointer?) -> String {
    var message = String(cString: PQerrorMessage(connection))
    for secret in secrets(of: connection) {
        message = message.split(separator: secret, omittingEmptySubsequences: false).joined(separator: "<redacted>")
    }
    // One line for each host that was tried.
    let lines = message.split(separator: "\n").map { $0.drop { $0 == "\t" || $0 == " " } }
    return lines.isEmpty ? "the connection to the database failed" : lines.joined(separator: "; ")
}

/// The values that libpq itself marks as passwords (its `dispchar` is `*`), those found in files included.
private func secrets(of connection: OpaquePointer?) -> [String] {
    guard let options = PQconninfo(connection) else { return [] }
    defer { PQconninfoFree(options) }
    var found: [String] = []
    var option = options
    while option.pointee.keyword != nil {
        if let mark = option.pointee.dispchar, mark.pointee == CChar(UInt8(ascii: "*")), let value = option.pointee.val
        {
            found.append(String(cString: value))
        }
        option += 1
    }
    if let password = PQpass(connection) { found.append(String(cString: password)) }
    return found.filter { !$0.isEmpty }
}
