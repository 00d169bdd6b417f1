import GatehouseCore
import Testing

@testable import GatehouseProxy

/// The codec tests' shared functions: bytes in, text out.
enum CodecFixture {
    static let requestID = RequestID(high: 0x0123_4567_89AB_CDEF, low: 0xFEDC_BA98_7654_3210)
    static let idText = "0123456789abcdeffedcba9876543210"

    /// Parses a whole head at once.
    static func parse(_ raw: [UInt8], limits: HeadLimits = .request) -> (HeadProgress, RequestHead) {
        var parser = RequestHeadParser(limits: limits)
        return (parser.parse(raw.span), parser.head)
    }

    static func parse(_ raw: String) -> (HeadProgress, RequestHead) { parse(Array(raw.utf8)) }

    static func output(_ size: Int, _ body: (UnsafeMutableRawBufferPointer) -> Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0xEE, count: size)
        let count = bytes.withUnsafeMutableBytes(body)
        return Array(bytes[..<count])
    }

    /// A head as an upstream gets it.
    static func forward(
        _ raw: [UInt8],
        _ rewrite: RequestRewrite = rewrite(),
        prefixLength: Int = 0,
        injected: String = "X-Api-Key: secret\r\n"
    ) throws -> String {
        let (progress, head) = parse(raw)
        try #require(progress == .complete)
        let lines = Array(injected.utf8)
        let bytes = output(rewrite.bound(head, injectedCount: lines.count)) { output in
            lines.withUnsafeBytes { lines in
                rewrite.write(
                    head,
                    bytes: raw.span,
                    prefixLength: prefixLength,
                    injectedLines: lines,
                    requestID: requestID,
                    into: output
                ).count
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The field lines between Host and what the rewrite adds: what came through of these lines.
    static func passed(_ lines: String, _ rewrite: RequestRewrite = rewrite()) throws -> String {
        let raw = "POST /mcp HTTP/1.1\r\nHost: a.example\r\ntraceparent: t\r\n\(lines)\r\n\r\n"
        let text = try forward(Array(raw.utf8), rewrite)
        let start = "POST /mcp HTTP/1.1\r\nHost: coda-mcp:8080\r\ntraceparent: t\r\n"
        let end = "X-Api-Key: secret\r\nAccept-Encoding: identity\r\nX-Request-Id: \(idText)\r\n\r\n"
        try #require(text.hasPrefix(start) && text.hasSuffix(end), "\(text)")
        return String(decoding: text.utf8.dropFirst(start.utf8.count).dropLast(end.utf8.count), as: UTF8.self)
    }

    static func rewrite(
        inject: [String] = ["X-Api-Key"],
        strip: [String] = [],
        query: [String] = [],
        upstream: String = "http://coda-mcp:8080",
        preservesHost: Bool = false
    ) -> RequestRewrite {
        do {
            return RequestRewrite(
                injectedNames: try inject.map { try HeaderName(parsing: $0) },
                strip: Route.Strip(headers: try strip.map { try HeaderPattern(parsing: $0) }, query: query),
                upstream: try Upstream(parsing: upstream),
                preservesHost: preservesHost
            )
        } catch {
            fatalError("a test's own rewrite is valid: \(error)")
        }
    }
}
