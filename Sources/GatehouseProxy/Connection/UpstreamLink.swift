internal import GatehouseCore
internal import NIOCore
internal import SocketLoop

/// The upstream connection of the exchange under way, and the bytes that began its request: they may have to be sent again over another connection,
/// and a token stands in them.
///
/// Nothing here writes or closes: a socket that does may ask its client's side at once, which would read this while it is being changed.
struct UpstreamLink {
    private(set) var connection: UpstreamConnection?
    private var opening: OpeningBytes?

    var isWritable: Bool { connection?.isWritable ?? true }

    mutating func connected(_ connection: UpstreamConnection) { self.connection = connection }

    mutating func keep(_ bytes: OpeningBytes) { opening = bytes }

    /// The bytes that were sent over a connection that failed.
    mutating func takeOpening() -> OpeningBytes? {
        defer { opening = nil }
        return opening
    }

    /// - Precondition: the bytes were kept, and their connection is given up.
    mutating func inject(_ new: Secret, inPlaceOf old: Secret) { opening?.inject(new, inPlaceOf: old) }

    /// The head that began the request, once its bytes are needed no more: it is not sent again, and the kernel has taken it.
    mutating func takeSpentHead() -> ByteBuffer? {
        guard let head = opening?.head, connection.map({ !$0.isOpen || !$0.socket.hasOutput }) ?? true else {
            return nil
        }
        opening = nil
        return head
    }

    /// The connection serves this exchange no more.
    mutating func takeConnection() -> UpstreamConnection? {
        defer { connection = nil }
        return connection
    }
}
