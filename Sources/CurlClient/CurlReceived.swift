internal import CCurl

/// The data that a call has received so far. libcurl's callbacks fill it on the call's thread.
final class CurlReceived {
    private var body: CurlBodyBuilder
    private var headers: [(name: String, value: String)] = []
    private var headerBytes = 0
    private(set) var isTooLarge = false
    /// Whether the call was ended because there was enough of the body.
    private(set) var hasStopped = false
    private let isEnough: (@Sendable (UnsafeRawBufferPointer) -> Bool)?
    /// The host that the server's certificate must name.
    var host = ""
    /// Nil where any address will do.
    var admitsAddress: (@Sendable (String) -> Bool)?
    private(set) var hasRefusedAddress = false
    /// Lives as long as the transfer.
    var connectTo: UnsafeMutablePointer<curl_slist>?

    deinit { curl_slist_free_all(connectTo) }

    init(maximumBody: Int, isEnough: (@Sendable (UnsafeRawBufferPointer) -> Bool)? = nil) {
        body = CurlBodyBuilder(maximum: max(0, maximumBody))
        self.isEnough = isEnough
    }

    func response(status: Int) -> CurlResponse {
        CurlResponse(status: status, headers: headers, body: body.take())
    }

    /// Returns false to end the transfer.
    func bodyArrived(_ bytes: UnsafeRawBufferPointer) -> Bool {
        let fits = body.append(bytes)
        if !fits { isTooLarge = true }
        hasStopped = fits && body.withUnsafeBytes { isEnough?($0) ?? false }
        return fits && !hasStopped
    }

    /// Returns false to end the transfer before anything is sent.
    func connected(to address: String) -> Bool {
        hasRefusedAddress = !(admitsAddress?(address) ?? true)
        return !hasRefusedAddress
    }

    /// One line with its end. Returns false to end the transfer.
    func headerArrived(_ line: UnsafeRawBufferPointer) -> Bool {
        headerBytes += line.count
        guard headerBytes <= CurlRequest.maximumHeaderBytes else {
            isTooLarge = true
            return false
        }
        // A status line starts a new head: what an interim 1xx said is not the answer's.
        if line.starts(with: "HTTP/".utf8) {
            headers = []
        } else if let colon = line.firstIndex(of: UInt8(ascii: ":")) {
            let name = String(decoding: line[..<colon], as: UTF8.self)
            let blanks: [UInt8] = [0x20, 0x09, 0x0D, 0x0A]
            var value = line[line.index(after: colon)...].drop { blanks.contains($0) }
            while let last = value.last, blanks.contains(last) { value = value.dropLast() }
            headers.append((name, String(decoding: value, as: UTF8.self)))
        }
        return true
    }

    /// Makes `easy` call this object, which must outlive the transfer.
    func receive(from easy: UnsafeMutableRawPointer) {
        let context = Unmanaged.passUnretained(self).toOpaque()
        gatehouse_setopt_pointer(easy, CURLOPT_WRITEDATA, context)
        gatehouse_setopt_write(easy, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
            guard let context else { return 0 }
            let received = Unmanaged<CurlReceived>.fromOpaque(context).takeUnretainedValue()
            return received.bodyArrived(UnsafeRawBufferPointer(start: bytes, count: size * count)) ? size * count : 0
        }
        gatehouse_setopt_pointer(easy, CURLOPT_HEADERDATA, context)
        gatehouse_setopt_write(easy, CURLOPT_HEADERFUNCTION) { bytes, size, count, context in
            guard let context else { return 0 }
            let received = Unmanaged<CurlReceived>.fromOpaque(context).takeUnretainedValue()
            return received.headerArrived(UnsafeRawBufferPointer(start: bytes, count: size * count)) ? size * count : 0
        }
        guard admitsAddress != nil else { return }
        gatehouse_setopt_pointer(easy, CURLOPT_PREREQDATA, context)
        gatehouse_setopt_prereq(easy) { context, remote, _, _, _ in
            guard let context, let remote else { return CURL_PREREQFUNC_ABORT }
            let received = Unmanaged<CurlReceived>.fromOpaque(context).takeUnretainedValue()
            return received.connected(to: String(cString: remote)) ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT
        }
    }
}
