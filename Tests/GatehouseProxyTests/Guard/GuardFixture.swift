import GatehouseCore

@testable import GatehouseProxy

/// The guard without sockets: bytes in, bytes out.
enum GuardFixture {
    static let secret = "ghp_7Fz/Qw+9\"x&Lm=2Kd0TtYyUu"

    static func patterns(_ secrets: String...) -> SecretPatterns { patterns(secrets) }

    static func patterns(_ secrets: [String]) -> SecretPatterns {
        guard let patterns = SecretPatterns(secrets.map { Secret($0) }) else {
            preconditionFailure("these secrets are looked for")
        }
        return patterns
    }

    /// The output for an answer that comes in these parts.
    ///
    /// - Parameter redacted: the text in place of a secret of so many bytes.
    static func output(
        _ patterns: SecretPatterns,
        _ parts: [[UInt8]],
        redacted: (Int) -> String = redacted
    ) -> [UInt8] {
        var scan = ReflectionScan(patterns)
        var output: [UInt8] = []
        for part in parts {
            part.withUnsafeBytes { bytes in scan.pass(bytes) { put($0, of: part, into: &output, redacted) } }
        }
        scan.finish { put($0, of: [], into: &output, redacted) }
        return output
    }

    static func output(_ patterns: SecretPatterns, _ text: String) -> String {
        String(decoding: output(patterns, [Array(text.utf8)]), as: UTF8.self)
    }

    /// The text in place of a secret of so many bytes.
    static func redacted(_ count: Int) -> String {
        String(("[redacted]" + String(repeating: "*", count: count)).prefix(count))
    }

    /// What is left beside such texts, of secrets of ten bytes and more.
    static func withoutRedactions(_ output: String) -> String { output.replacing(#/\[redacted\]\**/#, with: "") }

    static func put(
        _ piece: ReflectionScan.Piece,
        of part: [UInt8],
        into output: inout [UInt8],
        _ redacted: (Int) -> String = redacted
    ) {
        switch piece {
        case .passed(let range): output += part[range]
        case .held(let bytes): output += bytes
        case .secret(let count): output += redacted(count).utf8
        }
    }
}
