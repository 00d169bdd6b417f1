import GatehouseCore
import GatehouseProxy

let guardCases = [
    // A token of 40 bytes, as GitHub's are.
    guardCase("guard-body", Samples.json(1 << 16)),
    guardCase("guard-answer", Samples.json(300)),
]

/// A clean body that has come in one part.
private func guardCase(_ name: String, _ body: [UInt8]) -> MicroCase {
    MicroCase(name) { count in
        guard let patterns = SecretPatterns([Secret(Samples.token)]) else { throw Failure() }
        for _ in 0..<count {
            var scan = ReflectionScan(patterns)
            var passed = 0
            func take(_ piece: ReflectionScan.Piece) {
                if case .passed(let range) = piece { passed += range.count }
            }
            body.withUnsafeBytes { scan.pass($0, take) }
            scan.finish(take)
            try check(passed == body.count)
        }
    }
}

extension Samples {
    fileprivate static let token = "ghp_Zq3v8LxT0bYw2RkHs7NdJc5UfMa1EoPi9GtB"

    /// Text as a tool answers it: JSON in a string of JSON.
    fileprivate static func json(_ count: Int) -> [UInt8] {
        let row =
            #"{\"id\": 1730, \"name\": \"Quarterly report\", \"url\": \"https:\/\/docs.example.com\/d\/AbC%20d\", \"done\": false},\n"#
        let head = #"{"jsonrpc":"2.0","id":17,"result":{"content":[{"type":"text","text":"["#
        let tail = #"]"}]}}"#
        let rows = Array(row.utf8)
        let room = count - head.utf8.count - tail.utf8.count
        return Array(head.utf8) + (0..<room).map { rows[$0 % rows.count] } + Array(tail.utf8)
    }
}
