internal import Glibc

/// An object with a descriptor that a loop watches.
package class Pollable {
    package let loop: EpollLoop
    let descriptor: CInt
    /// Distinguishes this use of the descriptor number from earlier ones.
    var generation: UInt32 = 0

    init(_ descriptor: CInt, on loop: EpollLoop) {
        self.descriptor = descriptor
        self.loop = loop
    }

    /// The key that epoll returns with each event.
    final var key: UInt64 { UInt64(generation) << 32 | UInt64(UInt32(bitPattern: descriptor)) }

    func ready(_ events: UInt32) { preconditionFailure("each kind of pollable serves its own events") }

    /// The loop ends.
    func abandon() { close(descriptor) }
}
