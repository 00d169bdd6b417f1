internal import Glibc

/// The place of a secret: the configuration names the place and never holds the secret itself.
package enum SecretSource: Hashable, Sendable, CustomStringConvertible {
    case environment(String)
    case file(String)

    /// How long a file that is none, such as a pipe, may take to give the secret.
    package static let patience: Duration = .seconds(10)
    /// Bytes of a secret; a longer file is refused.
    package static let maximumLength = 64 << 10

    package var description: String {
        switch self {
        case .environment(let name): "$\(name)"
        case .file(let path): path
        }
    }

    /// An engine starts a container that ends so again and again, and what it says each time is all that its operator has.
    private static var advice: String {
        "chown it to uid \(geteuid()); or, as the compose files have it, mode 0444 in a folder of mode 0700"
    }

    /// Reads the secret. One trailing newline is trimmed, because editors and `echo` leave one in files.
    ///
    /// - Throws: ``InvalidValue`` naming the place, never the content: when it is unset, unreadable, empty or too long.
    package func read(within patience: Duration = SecretSource.patience) throws(InvalidValue) -> Secret {
        switch self {
        case .environment(let name):
            guard let value = getenv(name), value.pointee != 0 else {
                throw InvalidValue("the environment variable \(name) is not set")
            }
            return try Self.trimmed(UnsafeRawBufferPointer(start: value, count: strlen(value)), from: description)
        case .file(let path):
            // Without O_NONBLOCK, opening a pipe that has no writer would block.
            let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
            guard descriptor >= 0 else {
                let number = errno
                throw InvalidValue(
                    "\(path) cannot be read: \(ForeignFile.reason(path, number))",
                    suggestion: number == EACCES ? Self.advice : nil
                )
            }
            defer { close(descriptor) }
            return try Self.read(descriptor, named: path, until: .now + patience)
        }
    }

    /// Reads a secret from an open descriptor to its end, under the same rules.
    ///
    /// - Parameters:
    ///   - place: how errors call it.
    ///   - end: when it must have been given; nil to wait for it.
    package static func read(
        _ descriptor: Int32,
        named place: String,
        until end: ContinuousClock.Instant? = nil
    ) throws(InvalidValue) -> Secret {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: maximumLength + 1, alignment: 1)
        defer {
            if let base = buffer.baseAddress { explicit_bzero(base, buffer.count) }
            buffer.deallocate()
        }
        var count = 0
        while count < buffer.count {
            if let end { try wait(for: descriptor, named: place, until: end) }
            let got = Glibc.read(descriptor, buffer.baseAddress! + count, buffer.count - count)
            if got < 0, errno == EINTR || end != nil && errno == EAGAIN { continue }
            guard got >= 0 else { throw InvalidValue("\(place) cannot be read: \(String(cString: strerror(errno)))") }
            if got == 0 { break }
            count += got
        }
        return try trimmed(UnsafeRawBufferPointer(rebasing: buffer[..<count]), from: place)
    }

    private static func wait(
        for descriptor: Int32,
        named place: String,
        until end: ContinuousClock.Instant
    ) throws(InvalidValue) {
        let left = max(.zero, end - .now)
        var asked = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        let milliseconds = left.components.seconds * 1000 + left.components.attoseconds / 1_000_000_000_000_000
        // Interrupted, it is asked again by who reads.
        guard poll(&asked, 1, Int32(clamping: milliseconds)) != 0 else {
            throw InvalidValue("\(place) is no file, and nobody has written to it")
        }
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
