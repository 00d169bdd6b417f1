internal import GatehouseCore
internal import Synchronization

/// The ``RunFile`` of this process, by which the commands of this machine find it, from the moment the listeners stand until the end.
final class OwnRunFile: Sendable {
    private let spool: String
    /// Nil until it is written.
    private let file = Mutex<RunFile?>(nil)

    init(spool: String) { self.spool = spool }

    func write(_ file: RunFile) throws(GatehouseError) {
        try file.write(spool: spool)
        self.file.withLock { $0 = file }
    }

    /// Writes it again once the instance that began after this one has ended, and has taken its own away. One that is there is left, since nobody here
    /// can tell whether a process of another container has ended.
    func keep() {
        guard let file = file.withLock({ $0 }), FileStatus(RunFile.path(spool: spool)) == nil else { return }
        try? file.write(spool: spool)
    }

    /// Another instance may have put its own there meanwhile, which stays.
    func remove() { file.withLock { $0.take() }?.remove(spool: spool) }

    /// Whether a field's value is the key of this run.
    func opens(_ presented: String?) -> Bool { file.withLock { $0 }?.opens(presented) ?? false }
}
