import GatehouseCore
import GatehouseProxy

let codecCases = [
    headCase("request-head", Samples.request, { RequestHeadParser() }) { $0.parse($1) },
    MicroCase("request-rewrite") { count in
        let bytes = Samples.request
        var parser = RequestHeadParser()
        try check(parser.parse(bytes.span) == .complete)
        let rewrite = RequestRewrite(
            injectedNames: [try HeaderName(parsing: "X-Coda-Api-Key")],
            strip: Route.Strip(),
            upstream: try Upstream(parsing: "http://127.0.0.1:8080"),
            preservesHost: false
        )
        let lines = Array("X-Coda-Api-Key: upstream-secret\r\n".utf8)
        var output = [UInt8](repeating: 0, count: 4096)
        for turn in 0..<count {
            let written = output.withUnsafeMutableBytes { output in
                lines.withUnsafeBytes { lines in
                    rewrite.write(
                        parser.head,
                        bytes: bytes.span,
                        prefixLength: 0,
                        injectedLines: lines,
                        requestID: RequestID(high: 1, low: UInt64(turn)),
                        into: output
                    ).count
                }
            }
            try check(written > 300 && written < bytes.count)
        }
    },
    headCase("response-head", Samples.response, { ResponseHeadParser() }) { $0.parse($1) },
    MicroCase("response-rewrite") { count in
        let bytes = Samples.response
        var parser = ResponseHeadParser()
        try check(parser.parse(bytes.span) == .complete)
        let rewrite = ResponseRewrite(upstream: try Upstream(parsing: "http://127.0.0.1:8080"), prefix: .root)
        let authority = Array("mcp.example.com".utf8)
        let tag = Array(".0123456789abcdefghijkl".utf8)
        var output = [UInt8](repeating: 0, count: 4096)
        for turn in 0..<count {
            let written = output.withUnsafeMutableBytes { output in
                authority.withUnsafeBytes { authority in
                    rewrite.write(
                        parser.head,
                        bytes: bytes.span,
                        framing: parser.head.framing,
                        requestID: RequestID(high: 1, low: UInt64(turn)),
                        publicAuthority: authority,
                        sessionTag: tag[...],
                        into: output
                    )
                }
            }
            try check(written > bytes.count)
        }
    },
    MicroCase("chunked-body") { count in
        let bytes = Samples.chunks
        for _ in 0..<count {
            var scanner = BodyScanner(.chunked)
            let progress = scanner.scan(bytes.span)
            try check(progress.state == .complete && progress.payload == 1024)
        }
    },
]

/// One parser that is given a whole head time after time.
private func headCase<Parser: ~Copyable>(
    _ name: String,
    _ bytes: [UInt8],
    _ make: @escaping @Sendable () -> Parser,
    _ parse: @escaping @Sendable (inout Parser, Span<UInt8>) -> HeadProgress
) -> MicroCase {
    MicroCase(name) { count in
        var parser = make()
        for _ in 0..<count { try check(parse(&parser, bytes.span) == .complete) }
    }
}
