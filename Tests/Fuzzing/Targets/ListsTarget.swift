import Foundation
import GatehouseMCP

/// Answers whose lists are filtered: another reader finds no entry in them that the caller may not use, and what was a document is one still.
enum ListsTarget {
    static func check(_ input: [UInt8]) throws(Finding) -> Bool {
        let output = try PassedAnswer.read(input, .lists)
        let isEventStream = PassedAnswer.isEventStream(input)
        let read = PassedAnswer.documents(input, isEventStream: isEventStream)
        let passed = PassedAnswer.documents(output, isEventStream: isEventStream)
        for document in passed { try check(document, output) }
        let isMessage = { (document: Any) in document is [String: Any] || document is [[String: Any]] }
        let isLost = read.filter(isMessage).count > passed.filter(isMessage).count
        try hold(!isLost, "an answer is no document any more: \(text(output))")
        return passed.contains(where: isMessage)
    }

    private static func check(_ document: Any, _ output: [UInt8]) throws(Finding) {
        let messages = document as? [[String: Any]] ?? [document as? [String: Any] ?? [:]]
        for message in messages {
            guard let result = message["result"] as? [String: Any] else { continue }
            try check(result: result, output)
            if let inner = result["result"] as? [String: Any] { try check(result: inner, output) }
        }
    }

    private static func check(result: [String: Any], _ output: [UInt8]) throws(Finding) {
        for (list, key) in [("tools", "name"), ("prompts", "name"), ("resources", "uri")] {
            guard let entries = result[list] as? [Any] else { continue }
            for entry in entries {
                let name = (entry as? [String: Any])?[key] as? String
                try hold(
                    name.map { $0.hasPrefix("get_") || $0.hasPrefix("get:") } ?? false,
                    "\(list) list \(name ?? "what has no name"): \(text(output))"
                )
            }
        }
    }
}
