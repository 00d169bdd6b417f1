internal import CPostgres
internal import Glibc

/// Owns a PGconn and waits for its socket by poll(2), with a deadline and a wake. Confined to one thread at a time.
final class PostgresLink {
    private var connection: OpaquePointer?
    private let wake: PostgresWake

    var isOpen: Bool { connection != nil && PQstatus(connection) == CONNECTION_OK }

    /// The process of the server that this connection was given. A pooler gives a number of its own.
    var backend: Int32 { PQbackendPID(connection) }

    /// Connects by PQconnectPoll.
    init(_ options: PostgresOptions, wake: PostgresWake) throws(PostgresError) {
        self.wake = wake
        try options.checkURL()
        let deadline: ContinuousClock.Instant = .now + options.connectTimeout
        let keywords = ["dbname", "fallback_application_name", "client_encoding"]
        let values = [options.url, options.applicationName, "UTF8"]
        connection = withCStrings(keywords) { keywords in
            withCStrings(values) { values in PQconnectStartParams(keywords, values, 1) }
        }
        guard connection != nil else { throw PostgresError(.failed, "libpq has no memory") }
        // Its default prints to stderr, where a notice could show a value.
        PQsetNoticeReceiver(connection, { _, _ in }, nil)
        var progress = PGRES_POLLING_WRITING
        while progress != PGRES_POLLING_OK {
            guard PQstatus(connection) != CONNECTION_BAD, progress != PGRES_POLLING_FAILED else {
                throw failConnecting()
            }
            try wait(forWriting: progress == PGRES_POLLING_WRITING, until: deadline)
            progress = PQconnectPoll(connection)
        }
        guard PQsetnonblocking(connection, 1) == 0 else { throw fail() }
    }

    deinit { PQfinish(connection) }

    func send(_ statement: PostgresStatement) throws(PostgresError) {
        guard isOpen else { throw fail() }
        guard !statement.sql.utf8.contains(0) else { throw PostgresError(.invalidParameter, "a statement has a NUL") }
        let parameters = try PostgresParameters(statement.values)
        let sent = parameters.withAddresses { addresses in
            PQsendQueryParams(
                connection,
                statement.sql,
                Int32(addresses.count),
                parameters.types,
                addresses,
                parameters.lengths,
                parameters.formats,
                0
            )
        }
        guard sent == 1 else { throw fail() }
    }

    /// Writes everything to the socket. Reads meanwhile: a server whose own output is not read would stop taking the rest.
    func flush(until deadline: ContinuousClock.Instant) throws(PostgresError) {
        while true {
            switch PQflush(connection) {
            case 0: return
            case 1: try wait(forWriting: true, until: deadline, reading: true)
            default: throw fail()
            }
        }
    }

    /// The next result, or nil at the end of a statement's results.
    func nextResult(until deadline: ContinuousClock.Instant) throws(PostgresError) -> PostgresResult? {
        while PQisBusy(connection) == 1 { try wait(until: deadline, reading: true) }
        guard connection != nil else { throw fail() }
        return PQgetResult(connection).map(PostgresResult.init)
    }

    /// COPY would leave the connection in a state from which results never end.
    func refuseCopy(_ result: PostgresResult) throws(PostgresError) {
        switch result.status {
        case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH:
            _ = fail()
            throw result.error ?? .lost
        default: break
        }
    }

    func enterPipeline() throws(PostgresError) {
        guard isOpen, PQenterPipelineMode(connection) == 1 else { throw fail() }
    }

    func synchronise() throws(PostgresError) {
        guard PQpipelineSync(connection) == 1 else { throw fail() }
    }

    func exitPipeline() throws(PostgresError) {
        guard PQexitPipelineMode(connection) == 1 else { throw fail() }
    }

    func notification(until deadline: ContinuousClock.Instant) throws(PostgresError) -> PostgresNotification? {
        guard isOpen, PQconsumeInput(connection) == 1 else { throw fail() }
        while true {
            if let notify = PQnotifies(connection) {
                defer { PQfreemem(notify) }
                return PostgresNotification(
                    channel: String(cString: notify.pointee.relname),
                    payload: String(cString: notify.pointee.extra)
                )
            }
            guard deadline > .now else { return nil }
            do throws(PostgresError) {
                try wait(until: deadline, reading: true, closesOnTimeout: false)
            } catch  where error.code == .timeout {
                return nil
            }
        }
    }

    /// An identifier in quotes; nil for text that cannot be one.
    func quoted(_ name: String) -> String? {
        guard !name.isEmpty, !name.utf8.contains(0),
            let quoted = PQescapeIdentifier(connection, name, name.utf8.count)
        else { return nil }
        defer { PQfreemem(quoted) }
        return String(cString: quoted)
    }

    /// Closes the connection and says so.
    func fail() -> PostgresError {
        close()
        return .lost
    }

    private func close() {
        PQfinish(connection)
        connection = nil
    }

    private func failConnecting() -> PostgresError {
        defer { close() }
        return PostgresError(.connectionFailed, connectionMessage(connection))
    }

    private func wait(
        forWriting: Bool = false,
        until deadline: ContinuousClock.Instant,
        reading: Bool = false,
        closesOnTimeout: Bool = true
    ) throws(PostgresError) {
        let events = Int32(forWriting ? POLLOUT : POLLIN) | (reading ? Int32(POLLIN) : 0)
        var descriptors = [
            pollfd(fd: PQsocket(connection), events: Int16(events), revents: 0),
            pollfd(fd: wake.descriptor, events: Int16(POLLIN), revents: 0),
        ]
        while true {
            let left = deadline - .now
            guard left > .zero else {
                if closesOnTimeout { close() }
                throw PostgresError(.timeout, "the database did not answer in time")
            }
            // One more, so that the remainder of a millisecond does not spin.
            let ready = poll(&descriptors, 2, Int32(clamping: left.wholeMilliseconds + 1))
            guard ready >= 0 || errno == EINTR else { throw fail() }
            guard ready > 0 else { continue }
            if descriptors[1].revents != 0 {
                wake.clear()
                guard !Task.isCancelled else {
                    close()
                    throw .cancelled
                }
            }
            if descriptors[0].revents != 0 { break }
        }
        if reading, PQconsumeInput(connection) != 1 { throw fail() }
    }
}

extension Duration {
    /// Rounded toward zero, at most what fits a C int.
    var wholeMilliseconds: Int {
        let (seconds, attoseconds) = components
        guard seconds < 2_000_000 else { return 2_000_000_000 }
        return Int(seconds) * 1000 + Int(attoseconds / 1_000_000_000_000_000)
    }
}

/// Passes a null-terminated array of C strings.
private func withCStrings<Result>(_ strings: [String], _ body: ([UnsafePointer<CChar>?]) -> Result) -> Result {
    let copies = strings.map { strdup($0) }
    defer {
        for copy in copies {
            guard let copy else { continue }
            explicit_bzero(copy, strlen(copy))
            free(copy)
        }
    }
    return body(copies.map { UnsafePointer($0) } + [nil])
}
