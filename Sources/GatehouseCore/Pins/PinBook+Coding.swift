/// A book as the store keeps it: numbers big-endian, each text behind its length in four bytes.
///
/// ```
/// bytes
///     1  format: 1
/// and for each tool
///     n  its name
///     1  parts that follow: 1 approved, 2 waiting, 4 rejected
///        approved: digest, canonical form, who, when
///        waiting: digest, canonical form, since
///        rejected: digest, who, when
/// ```
///
/// Digests are 32 bytes, times eight: microseconds since 1970.
extension PinBook: KeptBook {
    private static let format: UInt8 = 1
    /// Bytes of the longest book: its definitions, and for each tool its name, three digests, two authors and their lengths.
    package static let maximumLength = maximumBytes + maximumTools * 2048

    package var encoded: [UInt8] {
        var writer = BookWriter(format: Self.format)
        for (name, pin) in pins.sorted(by: { $0.key < $1.key }) {
            writer.text(name.bytes)
            writer.bytes.append(
                (pin.approved == nil ? 0 : 1) | (pin.waiting == nil ? 0 : 2) | (pin.rejected == nil ? 0 : 4)
            )
            if let approved = pin.approved {
                writer.bytes += approved.digest.bytes
                writer.text(approved.canonical)
                writer.text(approved.by)
                writer.time(approved.at)
            }
            if let waiting = pin.waiting {
                writer.bytes += waiting.digest.bytes
                writer.text(waiting.canonical)
                writer.time(waiting.since)
            }
            if let rejected = pin.rejected {
                writer.bytes += rejected.digest.bytes
                writer.text(rejected.by)
                writer.time(rejected.at)
            }
        }
        return writer.bytes
    }

    /// Nil for what ``encoded`` does not give.
    package init?(decoding bytes: UnsafeRawBufferPointer) {
        guard var reader = BookReader(bytes, format: Self.format) else { return nil }
        var pins: [ToolName: Pin] = [:]
        while !reader.isAtEnd {
            guard let text = reader.text(), let name = ToolName(UnsafeRawBufferPointer(rebasing: text)),
                let parts = reader.byte(), parts & 3 != 0, parts & ~7 == 0, pins[name] == nil
            else { return nil }
            var pin = Pin()
            if parts & 1 != 0 {
                guard let digest = reader.digest(), let canonical = reader.text(), let by = reader.text(),
                    let at = reader.time()
                else { return nil }
                pin.approved = Approval(
                    digest: digest,
                    canonical: Array(canonical),
                    by: String(decoding: by, as: UTF8.self),
                    at: at
                )
            }
            if parts & 2 != 0 {
                guard let digest = reader.digest(), let canonical = reader.text(), let since = reader.time() else {
                    return nil
                }
                pin.waiting = Waiting(digest: digest, canonical: Array(canonical), since: since)
            }
            if parts & 4 != 0 {
                guard let digest = reader.digest(), let by = reader.text(), let at = reader.time() else { return nil }
                pin.rejected = Rejection(digest: digest, by: String(decoding: by, as: UTF8.self), at: at)
            }
            pins[name] = pin
        }
        self.init()
        self.pins = pins
    }
}

extension BookReader {
    fileprivate mutating func digest() -> ToolDigest? { bytes(ToolDigest.length).flatMap { ToolDigest($0) } }
}
