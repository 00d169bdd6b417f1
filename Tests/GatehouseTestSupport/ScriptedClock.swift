package import GatehouseCore
internal import Synchronization

/// A clock that stands until the test moves it.
package final class ScriptedClock: WallClock {
    private let time: Mutex<Timestamp>

    package init(_ start: Timestamp = Timestamp(seconds: 1_795_424_400)) { time = Mutex(start) }

    package func now() -> Timestamp { time.withLock { $0 } }
    package func advance(by duration: Duration) { time.withLock { $0 = $0 + duration } }
}
