/// A value that belongs to one event loop, on its way through other threads.
///
/// `@unchecked Sendable`: the value is touched on its loop only, which is checked.
package struct LoopBound<Value>: @unchecked Sendable {
    package let loop: EpollLoop
    private let bound: Value

    package init(_ value: Value, on loop: EpollLoop) {
        bound = value
        self.loop = loop
    }

    /// The value, to be used on the loop only.
    package var value: Value {
        loop.preconditionInLoop()
        return bound
    }
}
