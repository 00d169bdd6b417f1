package import GatehouseCore
internal import Synchronization

/// Remembers, in this process, what may be used once, until it ends by itself.
package final class UsedOnce: Sendable {
    /// Marks that are remembered. Beyond it those that end first are forgotten: an answer of a vendor is then still protected by its code, which the
    /// vendor takes once, and a form by the page that it must come from.
    static let maximum = 16_384

    private let used = Mutex<[String: Timestamp]>([:])

    package init() {}

    /// A mark that nobody guesses: 16 random bytes.
    package static func mark() -> String {
        var generator = SystemRandomNumberGenerator()
        return Base64URL.encode((0..<16).map { _ in UInt8.random(in: .min ... .max, using: &generator) })
    }

    /// - Returns: whether it is the first time.
    package func use(_ mark: String, endingAt end: Timestamp, now: Timestamp) -> Bool {
        used.withLock { used in
            guard used[mark] == nil else { return false }
            if used.count >= Self.maximum { used = used.filter { $0.value > now } }
            if used.count >= Self.maximum {
                let middle = used.values.sorted()[Self.maximum / 2]
                used = used.filter { $0.value > middle }
            }
            used[mark] = end
            return true
        }
    }
}
