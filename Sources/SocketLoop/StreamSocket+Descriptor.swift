internal import CLinux
internal import Glibc

/// How descriptors of stream sockets are made.
extension StreamSocket {
    /// Non-blocking and closed on exec.
    static func makeDescriptor(_ family: Int32) throws(SocketError) -> CInt {
        let descriptor = gatehouse_stream_socket(family)
        guard descriptor >= 0 else { throw .system("socket") }
        return descriptor
    }

    /// Closes a descriptor that no socket takes over.
    package static func discard(_ descriptor: CInt) { Glibc.close(descriptor) }

    /// Small messages leave at once (TCP_NODELAY). Best effort: without it they only leave later.
    static func setNoDelay(_ descriptor: CInt) {
        var one: CInt = 1
        setsockopt(descriptor, CInt(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<CInt>.size))
    }

    /// Makes the kernel send a reset when the descriptor is closed (socket(7), SO_LINGER).
    func resetAtClose() {
        var now = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &now, socklen_t(MemoryLayout<linger>.size))
    }
}
