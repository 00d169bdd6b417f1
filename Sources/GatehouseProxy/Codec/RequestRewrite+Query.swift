internal import GatehouseCore

extension RequestRewrite {
    /// Writes `?query` without the parameters that the route strips; every other byte stays, and so does the order.
    ///
    /// `;` separates too: some servers still read it so, and a parameter hidden behind one would come through.
    ///
    /// - Parameter tag: a session's, which is left out.
    func writeQuery(_ query: ByteRange, _ source: UnsafeRawBufferPointer, _ tag: ByteRange?, _ writer: inout HeadWriter)
    {
        guard !queryNames.isEmpty, removesAny(query, source) else {
            writer.append(0x3F)
            write(source, query.lower, query.upper, without: tag, &writer)
            return
        }
        var isFirst = true
        var at = query.lower
        while at <= query.upper {
            let end = pieceEnd(source, at, query.upper)
            if !isStripped(source, at, end) {
                writer.append(isFirst ? 0x3F : source[at - 1])
                write(source, at, end, without: tag, &writer)
                isFirst = false
            }
            at = end + 1
        }
    }

    private func write(
        _ source: UnsafeRawBufferPointer,
        _ lower: Int,
        _ upper: Int,
        without tag: ByteRange?,
        _ writer: inout HeadWriter
    ) {
        guard let tag, lower <= tag.lower, tag.upper <= upper else { return writer.append(source, lower, upper) }
        writer.append(source, lower, tag.lower)
        writer.append(source, tag.upper, upper)
    }

    private func removesAny(_ query: ByteRange, _ source: UnsafeRawBufferPointer) -> Bool {
        var at = query.lower
        while at <= query.upper {
            let end = pieceEnd(source, at, query.upper)
            if isStripped(source, at, end) { return true }
            at = end + 1
        }
        return false
    }

    private func pieceEnd(_ source: UnsafeRawBufferPointer, _ start: Int, _ end: Int) -> Int {
        var at = start
        while at < end, source[at] != 0x26, source[at] != 0x3B { at += 1 }
        return at
    }

    /// Whether the decoded name of `name[=value]` is one of those to strip.
    private func isStripped(_ source: UnsafeRawBufferPointer, _ start: Int, _ end: Int) -> Bool {
        queryNames.contains { name in
            var at = start
            for expected in name {
                guard at < end, source[at] != 0x3D else { return false }
                var byte = source[at]
                at += 1
                if byte == 0x2B {
                    byte = 0x20
                } else if byte == 0x25, at + 1 < end, let high = source[at].hexValue, let low = source[at + 1].hexValue
                {
                    byte = high << 4 | low
                    at += 2
                }
                guard byte == expected else { return false }
            }
            return at == end || source[at] == 0x3D
        }
    }
}
