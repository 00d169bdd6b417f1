/// A route's pins as requests read them: immutable, replaced whole.
package final class RoutePins: Sendable {
    private struct Entry {
        let name: ToolName
        /// The definition that was seen last.
        let seen: ToolDigest
        let approved: ToolDigest?
    }

    /// In the order of their names.
    private let entries: [Entry]
    /// Whether a tool that was never seen is approved by being seen.
    private let approvesFirst: Bool

    /// Pins of which nothing is known: nothing is approved.
    package static let empty = RoutePins()

    private init() { (entries, approvesFirst) = ([], false) }

    package init(_ book: PinBook, _ mode: ToolPinning.Mode) {
        entries = book.pins.sorted { $0.key < $1.key }.compactMap { name, pin in
            pin.seen.map { Entry(name: name, seen: $0, approved: pin.approved?.digest) }
        }
        approvesFirst = mode == .firstUse && !book.isFull
    }

    /// Whether a tool may be called: the definition that was seen last is the approved one.
    ///
    /// - Parameter tool: UTF-8, escapes resolved.
    package func allows(_ tool: UnsafeRawBufferPointer) -> Bool {
        guard let entry = entry(tool) else { return false }
        return entry.seen == entry.approved
    }

    /// Whether a list may show a tool as it is defined there.
    package func shows(_ tool: ToolDefinition) -> Bool {
        guard let entry = tool.name.bytes.withUnsafeBytes({ entry($0) }) else { return approvesFirst }
        return entry.approved == tool.digest
    }

    /// Whether a definition is another one than was seen last.
    package func isNews(_ tool: ToolDefinition) -> Bool {
        tool.name.bytes.withUnsafeBytes { entry($0) }?.seen != tool.digest
    }

    /// A search in sorted bytes: it makes no name of what a request says.
    private func entry(_ name: UnsafeRawBufferPointer) -> Entry? {
        var low = 0
        var high = entries.count
        while low < high {
            let middle = low + (high - low) / 2
            if entries[middle].name.bytes.lexicographicallyPrecedes(name) { low = middle + 1 } else { high = middle }
        }
        guard low < entries.count, entries[low].name.bytes.elementsEqual(name) else { return nil }
        return entries[low]
    }
}
