internal import Glibc

/// Looks for secrets in the bytes of an answer as they pass, and says what of them may.
///
/// Bytes that may be the beginning of a secret are held until more of them come or the answer ends, and no other bytes are. No spelling holds an empty
/// line, so the end of an event is never held. A pause of the upstream lets nothing go: it could send a secret in two halves.
package struct ReflectionScan: ~Copyable {
    package enum Piece {
        /// Bytes of those that were handed over now.
        case passed(Range<Int>)
        /// Bytes that were held. Zeroed when the call ends.
        case held(ArraySlice<UInt8>)
        /// In place of a secret of so many bytes, as it stood in the answer.
        case secret(Int)
    }

    private let patterns: SecretPatterns
    /// Bytes that may be the beginning of a secret: as many as its longest spelling at most, 16 for each of its bytes.
    private var held: [UInt8] = []
    /// Under way, from the first held byte on, while some are held.
    private var reading: Reading

    package init(_ patterns: SecretPatterns) {
        self.patterns = patterns
        reading = Reading(patterns)
    }

    /// - Parameter bytes: the next ones of the answer.
    package mutating func pass(_ bytes: UnsafeRawBufferPointer, _ take: (Piece) -> Void) {
        let from = held.isEmpty ? 0 : resume(bytes, isEnd: false, take)
        if held.isEmpty { scan(bytes, from: from, take) }
    }

    /// The answer has ended: what is held is no secret, apart from one that could have gone on.
    package mutating func finish(_ take: (Piece) -> Void) {
        guard !held.isEmpty else { return }
        _ = resume(UnsafeRawBufferPointer(start: nil, count: 0), isEnd: true, take)
    }

    // MARK: - Held bytes

    /// Goes on reading behind the held bytes.
    ///
    /// - Returns: the place from which on nothing is decided. All of the bytes are held when a reading is left.
    private mutating func resume(_ bytes: UnsafeRawBufferPointer, isEnd: Bool, _ take: (Piece) -> Void) -> Int {
        var former: [UInt8] = []
        swap(&former, &held)
        defer { former.withUnsafeMutableBytes { explicit_bzero($0.baseAddress!, $0.count) } }
        var passed = 0
        var start = 0
        while start < former.count {
            guard start == 0 || reading.begin(with: former[start]) else {
                start += 1
                continue
            }
            while reading.isOpen, start + reading.count < former.count { reading.take(former[start + reading.count]) }
            while reading.isOpen, start + reading.count < former.count + bytes.count {
                reading.take(bytes[start + reading.count - former.count])
            }
            if reading.isOpen, !isEnd {
                if passed < start { take(.held(former[passed..<start])) }
                held = Array(former[start...]) + bytes
                return bytes.count
            }
            guard reading.found > 0 else {
                start += 1
                continue
            }
            if passed < start { take(.held(former[passed..<start])) }
            take(.secret(reading.found))
            start += reading.found
            passed = start
        }
        if passed < former.count { take(.held(former[passed...])) }
        return start - former.count
    }

    // MARK: - New bytes

    /// Takes wide steps from window to window. A secret that begins within a step has a window at its end that the filter knows, so only there the
    /// bytes are read one by one.
    private mutating func scan(_ bytes: UnsafeRawBufferPointer, from first: Int, _ take: (Piece) -> Void) {
        guard let base = bytes.baseAddress else { return }
        let last = bytes.count - GramFilter.window
        var passed = first
        var start = first
        while start < bytes.count {
            let window = patterns.filter.next(
                base,
                from: start + patterns.stride - 1,
                through: last,
                stride: patterns.stride
            )
            // No secret begins before the last window that the filter did not know.
            start = window - patterns.stride + 1
            var end = window + 1
            if window > last {
                // What is left is too short for a whole secret: one that is cut here has the last window in it, or begins behind that.
                if start <= last, !patterns.filter.mayHold(base, last) { start = last + 1 }
                end = bytes.count
            }
            while start < end {
                // Its first window is one that the filter knows, too.
                guard patterns.mayBegin(with: bytes[start]), start > last || patterns.filter.mayHold(base, start),
                    reading.begin(with: bytes[start])
                else {
                    start += 1
                    continue
                }
                while reading.isOpen, start + reading.count < bytes.count { reading.take(bytes[start + reading.count]) }
                if reading.isOpen {
                    if passed < start { take(.passed(passed..<start)) }
                    held = Array(bytes[start...])
                    return
                }
                guard reading.found > 0 else {
                    start += 1
                    continue
                }
                if passed < start { take(.passed(passed..<start)) }
                take(.secret(reading.found))
                start += reading.found
                passed = start
                end = 0
            }
        }
        if passed < bytes.count { take(.passed(passed..<bytes.count)) }
    }
}
