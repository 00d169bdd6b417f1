import Glibc
import Synchronization
import Threads

/// Answers each connection with the next script, and keeps what it was sent. On loopback TCP or a unix socket.
final class ScriptedServer: Sendable {
    enum Script: Sendable {
        /// Reads a whole request, then sends these bytes and closes.
        case answer(String)
        /// Sends these bytes at the first ones it gets, whatever they are, and closes.
        case interrupt(String)
        /// Reads a request and stays silent until the client goes away.
        case silence
    }

    let port: Int
    private let descriptor: Int32
    private let received = Mutex<[String]>([])

    var requests: [String] { received.withLock { $0 } }

    init(unixSocket path: String? = nil, _ scripts: Script...) throws {
        descriptor = socket(path == nil ? AF_INET : AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        if let path {
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
            try Self.listen(descriptor, address)
            port = 0
        } else {
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            try Self.listen(descriptor, address)
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let descriptor = descriptor
            withUnsafeMutableBytes(of: &address) {
                _ = getsockname(descriptor, $0.assumingMemoryBound(to: sockaddr.self).baseAddress!, &length)
            }
            port = Int(UInt16(bigEndian: address.sin_port))
        }
        try OwnedThread.detach(named: "scripted") {
            for script in scripts {
                let connection = accept(self.descriptor, nil, nil)
                guard connection >= 0 else { return }
                self.serve(connection, script)
                close(connection)
            }
        }
    }

    deinit { close(descriptor) }

    private func serve(_ connection: Int32, _ script: Script) {
        var request: [UInt8] = []
        while !Self.isWhole(request) {
            var buffer = [UInt8](repeating: 0, count: 65_536)
            let count = read(connection, &buffer, buffer.count)
            guard count > 0 else { break }
            request += buffer[..<count]
            if case .interrupt = script { break }
        }
        received.withLock { $0.append(String(decoding: request, as: UTF8.self)) }
        switch script {
        case .answer(let text), .interrupt(let text):
            let bytes = Array(text.utf8)
            var sent = 0
            while sent < bytes.count {
                let count = send(connection, Array(bytes[sent...]), bytes.count - sent, Int32(MSG_NOSIGNAL))
                guard count > 0 else { return }
                sent += count
            }
        case .silence:
            var byte: UInt8 = 0
            _ = read(connection, &byte, 1)
        }
    }

    private static func isWhole(_ request: [UInt8]) -> Bool {
        let text = String(decoding: request, as: UTF8.self)
        guard let end = text.range(of: "\r\n\r\n") else { return false }
        let head = text[..<end.lowerBound].lowercased()
        guard let field = head.range(of: "content-length: ") else { return true }
        let length = Int(head[field.upperBound...].prefix { $0.isNumber }) ?? 0
        return text[end.upperBound...].utf8.count >= length
    }

    private static func listen<Address>(_ descriptor: Int32, _ address: Address) throws {
        let bound = withUnsafeBytes(of: address) {
            bind(descriptor, $0.assumingMemoryBound(to: sockaddr.self).baseAddress!, socklen_t($0.count))
        }
        guard bound == 0, Glibc.listen(descriptor, 16) == 0 else { throw Failure(errno: errno) }
    }

    struct Failure: Error {
        let errno: Int32
    }
}

extension String {
    func range(of part: String) -> Range<String.Index>? {
        let part = Array(part.utf8)
        let bytes = utf8
        var start = bytes.startIndex
        while start != bytes.endIndex {
            if bytes[start...].starts(with: part) { return start..<bytes.index(start, offsetBy: part.count) }
            start = bytes.index(after: start)
        }
        return nil
    }
}
