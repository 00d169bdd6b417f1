internal import Glibc
package import NIOCore

extension ByteBuffer {
    /// Overwrites all that was written into the buffer with zeros, whoever else holds its memory: for secrets that nobody needs any more.
    package func zero() {
        var all = self
        all.moveReaderIndex(to: 0)
        all.withUnsafeReadableBytes { bytes in
            guard let base = bytes.baseAddress else { return }
            explicit_bzero(UnsafeMutableRawPointer(mutating: base), bytes.count)
        }
    }
}
