internal import Glibc

/// The output for a command's data, gathered into large writes. Flushed at the end of the command, and by commands that wait for more data.
final class DataOutput {
    /// Bytes gathered before they are written.
    static let bufferSize = 64 << 10

    // Commands print from one task at a time.
    nonisolated(unsafe) static let standard = DataOutput(STDOUT_FILENO, name: "standard output")

    private let descriptor: Int32
    private let name: String
    private var buffer: [UInt8] = []
    private(set) var failure: CommandFailure?
    private(set) var isClosed = false

    /// - Parameter name: how errors call it.
    init(_ descriptor: Int32, name: String) {
        self.descriptor = descriptor
        self.name = name
        buffer.reserveCapacity(Self.bufferSize)
    }

    /// Whether writing more makes sense: the other end is open, and no write has failed.
    var takesMore: Bool { !isClosed && failure == nil }

    func write(_ bytes: [UInt8]) {
        guard takesMore else { return }
        buffer += bytes
        if buffer.count >= Self.bufferSize { flush() }
    }

    /// Writes what was gathered. A failure is kept for ``finish()``.
    func flush() {
        guard takesMore, !buffer.isEmpty else { return }
        let result = buffer.withUnsafeBytes { Self.write($0, to: descriptor) }
        buffer.removeAll(keepingCapacity: true)
        switch result {
        case 0: break
        // A reader that has read enough, like `head`, is no failure.
        case EPIPE: isClosed = true
        case let number: failure = CommandFailure("\(name) cannot be written: \(String(cString: strerror(number)))")
        }
    }

    /// - Throws: ``CommandFailure`` when something could not be written, unless its reader had gone.
    func finish() throws(CommandFailure) {
        flush()
        if let failure { throw failure }
    }

    /// Writes everything.
    ///
    /// - Returns: 0, or `errno` of the write that failed.
    static func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) -> Int32 {
        var rest = bytes
        while rest.count > 0 {
            let written = Glibc.write(descriptor, rest.baseAddress, rest.count)
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { return written == 0 ? EIO : errno }
            rest = UnsafeRawBufferPointer(rebasing: rest[written...])
        }
        return 0
    }
}
