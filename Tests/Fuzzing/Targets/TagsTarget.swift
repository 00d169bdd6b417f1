import Foundation
import GatehouseCore
import GatehouseMCP

/// What an answer hands out is bound to its caller and nothing else of it changes; presented, it is taken from that caller alone, and goes on as the
/// upstream gave it.
enum TagsTarget {
    private static let mark = Array("<GH>".utf8)
    private static let route = given { try RouteName(parsing: "coda") }
    private static let ann = Principal(kind: .user, name: "ann@example.com")
    private static let bob = Principal(kind: .user, name: "bob@example.com")
    private static let tags = SessionTags(PurposeKeys(current: Secret("first")))

    static func check(_ input: [UInt8]) throws(Finding) -> Bool {
        let marked = try PassedAnswer.read(input, [.values, .events]) { _, _ in mark }
        if !text(input).contains("<GH>") {
            let plain = text(marked).replacingOccurrences(of: "<GH>", with: "")
            try hold(plain == text(input), "more than tags was put in: \(text(marked).debugDescription)")
        }
        let bound = try PassedAnswer.read(input, .values) { what, value in
            guard case .task = what else { return nil }
            return tags.owned.tag(.task, value, route: route, principal: ann)
        }
        let isEventStream = PassedAnswer.isEventStream(input)
        let given = PassedAnswer.documents(input, isEventStream: isEventStream)
        let handed = PassedAnswer.documents(bound, isEventStream: isEventStream)
        guard given.count == handed.count else { throw Finding("an answer is no document any more: \(text(bound))") }
        var isBound = false
        for (given, handed) in zip(given, handed) {
            guard let old = task(given), let new = task(handed) else { continue }
            try check(old, new)
            isBound = true
        }
        try hold(reason(presenting: input, as: ann) != nil, "a task is taken that was handed to nobody")
        return isBound
    }

    private static func task(_ document: Any) -> String? {
        guard let result = (document as? [String: Any])?["result"] as? [String: Any] else { return nil }
        return result["taskId"] as? String
    }

    private static func check(_ old: String, _ new: String) throws(Finding) {
        // Half a surrogate pair is not the same for all readers, and what is too long is handed out as it is.
        guard !old.contains("\u{FFFD}"), !new.contains("\u{FFFD}"), (1...1024).contains(old.utf8.count) else { return }
        try hold(new.hasPrefix(old) && new.utf8.count == old.utf8.count + SessionTags.length, "\(old) becomes \(new)")
        let presented = Array(new.utf8)
        try hold(reason(presenting: presented, as: ann) == nil, "its own caller's task is refused: \(new)")
        try hold(reason(presenting: presented, as: bob) != nil, "another's task is taken: \(new)")
        try hold(sent(presenting: presented) == body(Array(old.utf8)), "the upstream gets another task than \(old)")
    }

    // MARK: - Presenting

    private static func body(_ task: [UInt8]) -> [UInt8] {
        var json = JSONText()
        json.object { json in
            json.string("jsonrpc", "2.0")
            json.number("id", 1)
            json.string("method", "tasks/get")
            json.object("params") { $0.string("taskId", text(task)) }
        }
        return json.bytes
    }

    private static func cuts(_ task: [UInt8], as principal: Principal) -> (cuts: TagCuts, reason: Reason?) {
        body(task).withUnsafeBytes { bytes in
            var cuts = TagCuts()
            var reason: Reason?
            guard let read = try? RPCGate.scan(bytes, allowsBatch: false) else { return (cuts, .rpcMalformed) }
            read.forEach { reason = cuts.add($0, in: bytes, tags.owned, route: route, principal: principal) }
            return (cuts, reason)
        }
    }

    private static func reason(presenting task: [UInt8], as principal: Principal) -> Reason? {
        cuts(task, as: principal).reason
    }

    private static func sent(presenting task: [UInt8]) -> [UInt8] {
        var sent = body(task)
        for cut in cuts(task, as: ann).cuts.places.reversed() { sent.removeSubrange(cut) }
        return sent
    }
}
