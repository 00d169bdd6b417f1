package import GatehouseCore

extension AuditQuery {
    /// Whether a filter may find one row in a million: no index leads to those.
    var isSelective: Bool {
        kind == .change || token != nil || route != nil || principal != nil || target != nil || isAllowed != nil
            || reason != nil || clientIP != nil
            || status != nil || !digests.isEmpty
    }
}

extension AuditArchive {
    /// The newest messages, newest first. The search goes back in pieces of time, so that the user sees its progress. The pieces grow up to a part of
    /// the whole time.
    ///
    /// - Parameter progress: called with the time from which on everything was searched.
    package func newestMessages(
        _ query: AuditQuery,
        progress: (Timestamp) -> Void,
        _ body: (AuditEvent) -> Bool
    ) throws(AuditError) {
        guard query.isSelective, query.requestID == nil, let bounds = try times(query) else {
            return try messages(query, body)
        }
        var end = bounds.end
        var span: Duration = .seconds(3600)
        let most = max(span, (bounds.end - bounds.start) / 32)
        var left = query.limit ?? .max
        var goesOn = true
        while end > bounds.start, left > 0, goesOn {
            var piece = query
            piece.from = max(bounds.start, end + (.zero - span))
            piece.until = end
            piece.order = .newestFirst
            piece.limit = left
            try messages(piece) { row in
                left -= 1
                goesOn = body(row)
                return goesOn
            }
            end = piece.from ?? bounds.start
            progress(end)
            span = min(span * 2, most)
        }
    }

    /// The times between which there are events that the query's own bounds let through; nil when there are none.
    private func times(_ query: AuditQuery) throws(AuditError) -> (start: Timestamp, end: Timestamp)? {
        var bounds = AuditQuery()
        bounds.from = query.from
        bounds.until = query.until
        bounds.limit = 1
        var found: [Timestamp] = []
        for order in [AuditQuery.Order.oldestFirst, .newestFirst] {
            bounds.order = order
            try events(bounds) { event in
                found.append(event.at)
                return false
            }
        }
        guard found.count == 2 else { return nil }
        return (found[0], found[1] + .microseconds(1))
    }
}
