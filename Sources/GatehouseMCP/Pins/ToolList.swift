package import GatehouseCore

/// The tools in an answer that Gatehouse asked for itself, read as those of answers that pass.
package enum ToolList {
    /// - Parameter message: one JSON-RPC answer.
    /// - Returns: the number of entries that cannot be read.
    package static func read(_ message: [UInt8], into seen: inout SeenTools, among pins: RoutePins) -> Int {
        var unreadable = 0
        var walker = AnswerWalker(looksForValues: false)
        var start = 0
        var isOfTools = false
        message.withUnsafeBytes { bytes in
            walker.walk(bytes, 0..<bytes.count) { event, offset in
                switch event {
                case .listBegan(let list): isOfTools = list == .tools
                case .entryBegan: start = offset
                case .entryEnded where isOfTools:
                    let entry = UnsafeRawBufferPointer(rebasing: bytes[start..<offset])
                    guard let tool = ToolDefinition(entry: entry), seen.note(tool, among: pins) else {
                        unreadable += 1
                        return
                    }
                case .entryEnded, .listEnded, .valueBegan, .valueEnded, .foreignBegan: break
                }
            }
        }
        return unreadable
    }
}
