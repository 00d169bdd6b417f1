internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseTokens
internal import Synchronization

/// The deny entries of the store, followed for as long as the configuration names that store. Nothing runs where no store could keep some.
final class LiveDenials: Sendable {
    /// Nil as a watch where there is no store.
    struct Source: Sendable {
        let id: Int
        let place: Configuration.NamedStore?
        let store: SealedTokenStore?
        let watch: DenyWatch?
    }

    private struct State {
        var source = Source(id: 0, place: nil, store: nil, watch: nil)
        var task: Task<Void, Never>?
        var lastID = 0
    }

    private let state = Mutex(State())
    private let publish: @Sendable (DenyBook) -> Void

    /// - Parameter publish: called with the entries whenever they have changed, in order; must not block.
    /// - Throws: ``TokenError`` when a master key cannot be read.
    init(_ configuration: Configuration, publish: @escaping @Sendable (DenyBook) -> Void) throws {
        self.publish = publish
        let source = try source(for: configuration)
        state.withLock { $0.source = source }
    }

    /// Returns when the entries were read for the first time, or could not be.
    func start() async {
        let source = source
        guard let watch = source.watch else { return }
        await watch.read()
        guard !Task.isCancelled else { return }
        state.withLock { state in
            if state.source.id == source.id { state.task = Task { await watch.run() } }
        }
    }

    func stop() {
        state.withLock { state in
            state.task?.cancel()
            state.task = nil
        }
    }

    var source: Source { state.withLock { $0.source } }

    /// For the status page and the metrics; nil where there is no store.
    var status: DenyStatus? { source.watch?.status }

    // MARK: - Another configuration

    /// Makes and reads what a new configuration asks for; nil when that is in force. Nothing has changed yet.
    ///
    /// - Throws: ``GatehouseError`` when the entries cannot be read, or lack some that are in force: nobody is let in again by another store.
    ///   `TokenError` when a master key cannot be read.
    func stage(_ configuration: Configuration) async throws -> (source: Source, book: DenyBook)? {
        let old = source
        guard old.place != configuration.state else { return nil }
        let new = try source(for: configuration)
        let book = try await read(new)
        let lost =
            await old.watch?.book?.entries.filter { !book.holds($0) && !configuration.access.deny.holds($0) } ?? []
        guard lost.isEmpty else {
            let names = (old.place?.name.text ?? "", new.place?.name.text)
            throw GatehouseError(
                .unusable,
                "\(names.1.map { "the store '\($0)' lacks" } ?? "no store keeps") deny entries that are in force: "
                    + lost.prefix(5).map(\.description).joined(separator: ", ")
                    + (lost.count > 5 ? " and \(lost.count - 5) more" : ""),
                hint: names.1.map { "gatehouse store migrate \(names.0) \($0)" }
                    ?? "name that store as state: \(names.0), or put the entries under access.deny"
            )
        }
        return (new, book)
    }

    private func read(_ new: Source) async throws(GatehouseError) -> DenyBook {
        guard let watch = new.watch else { return DenyBook() }
        await watch.read()
        guard let book = await watch.book else {
            let status = watch.status
            throw GatehouseError(
                .unusable,
                "the deny entries of the store '\(status.store)' cannot be read: \(status.problem ?? "")",
                hint: status.hint
            )
        }
        return book
    }

    /// Puts a staged source in force: what another one says counts no more.
    ///
    /// - Parameter publish: puts its entries in force, with all else that changes.
    func commit(_ new: Source, _ publish: () -> Void) {
        let old = state.withLock { state in
            let old = state.task
            state.source = new
            publish()
            state.task = new.watch.map { watch in Task { await watch.run() } }
            return old
        }
        old?.cancel()
    }

    private func source(for configuration: Configuration) throws -> Source {
        let id = state.withLock { state in
            state.lastID += 1
            return state.lastID
        }
        let store = try DenyAssembly.store(configuration)
        return Source(
            id: id,
            place: configuration.state,
            store: store,
            watch: store.map { store in
                DenyWatch(store, named: configuration.state?.name.text ?? "") { [weak self] in self?.took($0, from: id)
                }
            }
        )
    }

    /// Lets the entries of the source in force through, and no other's.
    private func took(_ book: DenyBook, from id: Int) {
        state.withLock { state in
            guard state.source.id == id else { return }
            publish(book)
        }
    }
}
