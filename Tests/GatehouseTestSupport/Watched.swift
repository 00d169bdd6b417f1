internal import Foundation

/// A value that one thread changes and another waits for, within a bound.
// Unchecked: every access to `value` is made under the lock of `condition`.
package final class Watched<Value>: @unchecked Sendable {
    private let condition = NSCondition()
    private var value: Value

    package init(_ value: Value) { self.value = value }

    package func update<Result>(_ body: (inout Value) -> Result) -> Result {
        condition.lock()
        defer {
            condition.broadcast()
            condition.unlock()
        }
        return body(&value)
    }

    package func read<Result>(_ body: (Value) -> Result) -> Result {
        condition.lock()
        defer { condition.unlock() }
        return body(value)
    }

    /// - Throws: ``TimedOut`` when the value does not come to pass within the bound.
    package func wait(_ what: String, within seconds: Double = RawSocket.patience, until isMet: (Value) -> Bool) throws
    {
        condition.lock()
        defer { condition.unlock() }
        let end = Date(timeIntervalSinceNow: seconds)
        while !isMet(value) {
            guard condition.wait(until: end) else { throw TimedOut(what: what) }
        }
    }
}

package struct TimedOut: Error, CustomStringConvertible {
    package let what: String
    package init(what: String) { self.what = what }
    package var description: String { "timed out waiting for \(what)" }
}
