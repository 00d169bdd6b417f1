import Foundation
import GatehouseCore
import GatehouseMCP

/// Bodies, read by the gate and by Foundation's reader: what the gate lets pass, the other reads the same, or not at all.
enum RPCTarget {
    static func check(_ input: [UInt8]) throws(Finding) -> Bool {
        let readings = read(input, allowsBatch: true)
        if let single = read(input, allowsBatch: false) {
            try hold(single == readings && single.count == 1, "an era without batches reads otherwise")
        }
        guard let readings else { return false }
        guard let other = try? JSONSerialization.jsonObject(with: Data(input), options: .fragmentsAllowed) else {
            return true
        }
        guard let messages = other as? [[String: Any]] ?? (other as? [String: Any]).map({ [$0] }),
            messages.count == readings.count
        else { throw Finding("another reader finds other messages: \(text(input))") }
        for (message, reading) in zip(messages, readings) { try compare(message, reading, input) }
        return true
    }

    private struct Reading: Equatable {
        var id: String?
        var method: String?
        var target: String?
    }

    private static func read(_ body: [UInt8], allowsBatch: Bool) -> [Reading]? {
        body.withUnsafeBytes { bytes in
            var readings: [Reading] = []
            guard let read = try? RPCGate.scan(bytes, allowsBatch: allowsBatch) else { return nil }
            read.forEach { message in
                readings.append(
                    Reading(
                        id: message.id.map { text(bytes[$0]) },
                        method: message.method?.string(in: bytes).text,
                        target: message.target?.string(in: bytes).text
                    )
                )
            }
            return readings
        }
    }

    private static func compare(_ message: [String: Any], _ reading: Reading, _ body: [UInt8]) throws(Finding) {
        try hold(message["jsonrpc"] as? String == "2.0", "another version: \(text(body))")
        try hold(message["method"] as? String == reading.method, "another method: \(text(body))")
        if let id = reading.id, id.hasPrefix("\""), !id.contains("\\") {
            try hold(message["id"] as? String == String(id.dropFirst().dropLast()), "another id: \(text(body))")
        } else if let id = reading.id, let number = Int64(id) {
            try hold((message["id"] as? NSNumber)?.int64Value == number, "another id: \(text(body))")
        }
        guard let target = reading.target, var params = message["params"] as? [String: Any] else { return }
        var key = "name"
        switch reading.method {
        case "tools/call", "prompts/get": break
        case "resources/read", "resources/subscribe", "resources/unsubscribe": key = "uri"
        case "completion/complete":
            params = params["ref"] as? [String: Any] ?? [:]
            key = params["type"] as? String == "ref/resource" ? "uri" : "name"
        case _: return
        }
        try hold(params[key] as? String == target, "another target than \(target): \(text(body))")
    }
}
