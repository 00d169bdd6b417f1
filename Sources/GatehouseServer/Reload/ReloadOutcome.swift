package import GatehouseCore

/// The outcome of one reading of the file.
package struct ReloadOutcome: Hashable, Sendable {
    package enum Result: String, Hashable, Sendable, CaseIterable {
        /// The file is in force.
        case taken
        /// The file is good and held: for an operator, or until it has been unchanged for a while.
        case held
        /// The file has errors.
        case invalid
        /// The file is good, and what it asks for cannot be had now.
        case refused
    }

    package var result: Result
    /// Why it is not in force, each as `check` would say it.
    package var problems: [String] = []
    /// Parts of the file that differ from what was in force.
    package var changes: [String] = []
    /// The access that callers gain, and the access that they lose.
    package var gains: [String] = []
    package var losses: [String] = []
    /// Sections that wait for a restart.
    package var waiting: [String] = []
    package var warnings: [String] = []
    /// Seconds after which a held file is taken by itself; nil when it is not.
    package var secondsLeft: Int?

    package init(_ result: Result, problems: [String] = []) {
        self.result = result
        self.problems = problems
    }

    private static var lists: [(name: String, list: WritableKeyPath<ReloadOutcome, [String]>)] {
        [
            ("problems", \.problems), ("changes", \.changes), ("gains", \.gains), ("losses", \.losses),
            ("waiting", \.waiting), ("warnings", \.warnings),
        ]
    }

    package var json: JSONText {
        var json = JSONText()
        json.object { json in
            json.string("result", result.rawValue)
            for (name, list) in Self.lists {
                json.array(name) { entries in for entry in self[keyPath: list] { entries.string(nil, entry) } }
            }
            if let secondsLeft { json.number("seconds_left", secondsLeft) }
        }
        return json
    }

    /// Reads what ``json`` writes. Nil when it is something else.
    package init?(json bytes: [UInt8]) {
        let outcome = bytes.withUnsafeBytes { bytes -> ReloadOutcome? in
            do throws(JSONFault) { return try Self.read(bytes) } catch { return nil }
        }
        guard let outcome else { return nil }
        self = outcome
    }

    private static func read(_ bytes: UnsafeRawBufferPointer) throws(JSONFault) -> ReloadOutcome? {
        var scanner = try JSONScanner(bytes)
        var outcome = ReloadOutcome(.refused)
        var isNamed = false
        try scanner.beginObject()
        while let name = try scanner.nextMember()?.text {
            if name == "result", scanner.next == .string {
                guard let result = Result(rawValue: try scanner.string().text) else { return nil }
                outcome.result = result
                isNamed = true
            } else if name == "seconds_left", scanner.next == .number {
                outcome.secondsLeft = try scanner.number().integer.map { Int($0) }
            } else if let list = lists.first(where: { $0.name == name })?.list, scanner.next == .array {
                try scanner.beginArray()
                while try scanner.nextElement() {
                    guard scanner.next == .string else { return nil }
                    outcome[keyPath: list].append(try scanner.string().text)
                }
            } else {
                _ = try scanner.skip()
            }
        }
        try scanner.finish()
        return isNamed ? outcome : nil
    }
}
