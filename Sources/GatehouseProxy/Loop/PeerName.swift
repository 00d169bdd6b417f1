/// The address of a connection's other end as text, in memory that stays where it is. Asked for once it is needed: when a request does not say whom
/// it is forwarded for.
final class PeerName {
    private let text: () -> String
    private var room: UnsafeRawBufferPointer?

    init(_ text: @escaping () -> String) { self.text = text }

    var bytes: UnsafeRawBufferPointer {
        if let room { return room }
        let text = text()
        let new = UnsafeMutableRawBufferPointer.allocate(byteCount: text.utf8.count, alignment: 1)
        new.copyBytes(from: text.utf8)
        room = UnsafeRawBufferPointer(new)
        return UnsafeRawBufferPointer(new)
    }

    deinit { room?.deallocate() }
}
