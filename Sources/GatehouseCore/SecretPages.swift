internal import Glibc
internal import Synchronization

/// Memory for secrets and nothing else: its pages are left out of core dumps, and never written to swap as far as RLIMIT_MEMLOCK allows.
///
/// A core of the heap would have them beside everything else, and in what was freed. Memory that is given back is zeroed and serves the next
/// secret of its size, so pages are never given back to the kernel: they are bounded by the most secrets that there were at once.
package enum SecretPages {
    /// Bytes that are asked of the kernel at once. As much as an unprivileged process may lock where nobody has raised the limit.
    private static let chunk = 64 << 10
    /// Larger secrets have pages of their own, which go when they go.
    private static let largest = 16 << 10
    private static let smallest = 16

    private struct Pages {
        /// The first free block of each size; the next one's address stands in it.
        var free: [UnsafeMutableRawPointer?] = Array(repeating: nil, count: sizeClass(of: largest).index + 1)
        var next = UnsafeMutableRawPointer(bitPattern: chunk)!
        var left = 0
    }

    private static let pages = Mutex(Pages())

    /// - Returns: zeroed memory, to be given back to ``deallocate(_:)``.
    package static func allocate(_ count: Int) -> UnsafeMutableRawBufferPointer {
        guard count > 0 else { return UnsafeMutableRawBufferPointer(start: nil, count: 0) }
        guard count <= largest else { return UnsafeMutableRawBufferPointer(start: map(count), count: count) }
        let (index, size) = sizeClass(of: count)
        let block = pages.withLock { pages in
            if let block = pages.free[index] {
                pages.free[index] = block.load(as: UnsafeMutableRawPointer?.self)
                block.storeBytes(of: nil, as: UnsafeMutableRawPointer?.self)
                return UInt(bitPattern: block)
            }
            if pages.left < size {
                pages.next = map(chunk)
                pages.left = chunk
            }
            let block = pages.next
            pages.next += size
            pages.left -= size
            return UInt(bitPattern: block)
        }
        return UnsafeMutableRawBufferPointer(start: UnsafeMutableRawPointer(bitPattern: block), count: count)
    }

    /// Zeroes the memory, and keeps it for another secret.
    package static func deallocate(_ bytes: UnsafeMutableRawBufferPointer) {
        guard let block = bytes.baseAddress, bytes.count > 0 else { return }
        explicit_bzero(block, bytes.count)
        guard bytes.count <= largest else { return _ = munmap(block, bytes.count) }
        let (index, place) = (sizeClass(of: bytes.count).index, UInt(bitPattern: block))
        pages.withLock { pages in
            let block = UnsafeMutableRawPointer(bitPattern: place)!
            block.storeBytes(of: pages.free[index], as: UnsafeMutableRawPointer?.self)
            pages.free[index] = block
        }
    }

    /// The size that a block for so many bytes has, and its place among the sizes: multiples of 16 to 64, then four for each power of two.
    static func sizeClass(of count: Int) -> (index: Int, size: Int) {
        let small = (count + smallest - 1) / smallest
        guard small > 4 else { return (small - 1, small * smallest) }
        let power = Int.bitWidth - 1 - (count - 1).leadingZeroBitCount
        let step = 1 << (power - 2)
        let size = (count + step - 1) & ~(step - 1)
        return ((power - 6) * 4 + (size - (1 << power)) / step + 3, size)
    }

    private static func map(_ count: Int) -> UnsafeMutableRawPointer {
        let flags = MAP_PRIVATE | MAP_ANONYMOUS
        guard let base = mmap(nil, count, PROT_READ | PROT_WRITE, flags, -1, 0), base != MAP_FAILED else {
            fatalError("no memory for secrets")
        }
        // Neither can fail for a reason that would make a secret useless.
        _ = madvise(base, count, MADV_DONTDUMP)
        _ = mlock(base, count)
        return base
    }
}
