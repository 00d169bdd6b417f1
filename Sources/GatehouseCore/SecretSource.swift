internal import Glibc

/// Where a secret is found: the configuration names the place and never holds the secret itself.
package enum SecretSource: Hashable, Sendable, CustomStringConvertible {
    case environment(String)
    case file(String)

    /// Bytes of a secret; a longer file is refused.
    package static let maximumLength = 64 << 10

    package var description: String {
        switch self {
        case .environment(let name): "$\(name)"
        case .file(let path): path
        }
    }

    /// Reads the secret. One trailing newline is trimmed, because editors and `echo` leave one in files.
    ///
    /// - Throws: ``InvalidValue`` naming the place, never the content: when it is unset, unreadable, empty or too long.
    package func read() throws(InvalidValue) -> Secret {
        switch self {
        case .environment(let name):
            guard let value = getenv(name), value.pointee != 0 else {
                throw InvalidValue("the environment variable \(name) is not set")
            }
            return try Self.trimmed(UnsafeRawBufferPointer(start: value, count: strlen(value)), from: description)
        case .file(let path):
            let descriptor = open(path, O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else {
                throw InvalidValue("\(path) cannot be read: \(String(cString: strerror(errno)))")
            }
            defer { close(descriptor) }
            return try Self.read(descriptor, named: path)
        }
    }

    /// Reads a secret from an open descriptor to its end, under the same rules.
    ///
    /// - Parameter place: how errors call it.
    package static func read(_ descriptor: Int32, named place: String) throws(InvalidValue) -> Secret {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: maximumLength + 1, alignment: 1)
        defer {
            if let base = buffer.baseAddress { explicit_bzero(base, buffer.count) }
            buffer.deallocate()
        }
        var count = 0
        while count < buffer.count {
            let got = Glibc.read(descriptor, buffer.baseAddress! + count, buffer.count - count)
            if got < 0, errno == EINTR { continue }
            guard got >= 0 else { throw InvalidValue("\(place) cannot be read: \(String(cString: strerror(errno)))") }
            if got == 0 { break }
            count += got
        }
        return try trimmed(UnsafeRawBufferPointer(rebasing: buffer[..<count]), from: place)
    }

    private static func trimmed(_ bytes: UnsafeRawBufferPointer, from place: String) throws(InvalidValue) -> Secret {
        guard bytes.count <= maximumLength else {
            throw InvalidValue("\(place) holds more than \(maximumLength) bytes")
        }
        var end = bytes.count
        if end > 0, bytes[end - 1] == 0x0A { end -= 1 }
        if end > 0, end < bytes.count, bytes[end - 1] == 0x0D { end -= 1 }
        guard end > 0 else { throw InvalidValue("\(place) is empty") }
        return Secret(bytes[..<end])
    }
}
