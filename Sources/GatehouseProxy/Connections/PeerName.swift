/// The address of a connection's other end as text, in memory that stays where it is.
final class PeerName {
    let bytes: UnsafeRawBufferPointer

    init(_ text: String) {
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: text.utf8.count, alignment: 1)
        room.copyBytes(from: text.utf8)
        bytes = UnsafeRawBufferPointer(room)
    }

    deinit { bytes.deallocate() }
}
