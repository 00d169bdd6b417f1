extension DenyStatus {
    /// The finding that the entries are not known, or not known anew; nil where all is well.
    ///
    /// - Parameter storeIsDown: whether the same is said of the live store.
    func finding(uptime: Duration, storeIsDown: Bool) -> Finding? {
        guard let entries else {
            guard problem != nil || uptime >= InstanceFacts.patience else { return nil }
            let words = problem.map { "cannot be read: \($0)" } ?? "were not read yet"
            return Finding(
                .denials,
                .fail,
                store,
                "the deny entries \(words); nobody is let in by an assertion until they are",
                advice: hint
            )
        }
        guard let problem, !storeIsDown else { return nil }
        return Finding(
            .denials,
            .warn,
            store,
            "the deny entries cannot be read: \(problem); the last known hold, \(entries.count) in all",
            advice: hint
        )
    }
}
