internal import CLinux

/// Two sockets that are connected with each other (socketpair(2)): no address leads to either, so nobody else can be at the other end.
package enum SocketPair {
    /// Both are non-blocking and closed on exec, and the caller's to close.
    package static func make() throws(SocketError) -> (one: CInt, other: CInt) {
        var pair: [CInt] = [-1, -1]
        guard gatehouse_socketpair(&pair) == 0 else { throw .system("socketpair") }
        return (pair[0], pair[1])
    }
}
