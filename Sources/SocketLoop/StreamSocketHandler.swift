package import NIOCore

/// The user of a connection. Called on the socket's loop, never within a call of its own but for ``written()``.
package protocol StreamSocketHandler: AnyObject {
    /// Whether what comes can be used now. Asked before each reading; when it becomes true, ``StreamSocket/resumeReading()`` is to be
    /// called.
    var mayRead: Bool { get }
    /// Bytes have come. The memory is the loop's: what is kept beyond the call is to be copied, else a whole receive buffer stays with
    /// it.
    func received(_ bytes: ByteBuffer)
    /// All that has come is used, or its share of this turn.
    func readCompleted()
    /// The peer sends nothing more, and may still read (shutdown(2), SHUT_WR).
    ///
    /// - Returns: whether there is something to be said to it; else the connection ends. One that has gone looks the same until something
    ///   is written to it.
    func inputEnded() -> Bool
    /// Less than ``StreamSocket/lowWater`` bytes wait to be written, after it had been more than ``StreamSocket/highWater``.
    func becameWritable()
    /// All that ``StreamSocket/tellWhenWritten()`` waited for has left.
    func written()
    /// The TLS handshake is done, the server's certificate verified.
    func secured()
    /// The connection has ended, whichever side closed it.
    ///
    /// - Parameter isBroken: it ended by an error, or over TLS without the alert that TLS ends with.
    func closed(isBroken: Bool)
}

extension StreamSocketHandler {
    package func inputEnded() -> Bool { false }
    package func written() {}
    package func secured() {}
}
