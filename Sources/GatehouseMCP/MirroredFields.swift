package import GatehouseCore

/// The header fields that mirror a message from 2026-07-28 on, for those who route without reading bodies. They must say what the body says: a proxy
/// that trusted them would otherwise decide on another call than the upstream. A field that is missing misleads nobody; whether it may be is for the
/// upstream to say, which knows what of a message has to be mirrored (a notification has no need of it).
package struct MirroredFields {
    /// The value of a field, nil when it is not there; an empty one agrees with nothing.
    package var method: UnsafeRawBufferPointer?
    package var name: UnsafeRawBufferPointer?

    package init(method: UnsafeRawBufferPointer?, name: UnsafeRawBufferPointer?) {
        self.method = method
        self.name = name
    }

    package func agree(with message: RPCMessage, in body: UnsafeRawBufferPointer) -> Bool {
        // A response mirrors nothing.
        guard let text = message.method else { return true }
        if let method, !text.string(in: body).equals(method) { return false }
        guard message.known.mirrorsTarget, let target = message.target, let name else { return true }
        return Self.equal(name, target.string(in: body))
    }

    /// Whether a field `Mcp-Param-TOKEN` says what the body does, where the grants allow the call for some arguments only: a server, or one that routes
    /// to it, may take the argument from there.
    package static func agrees(
        argument token: UnsafeRawBufferPointer,
        _ value: UnsafeRawBufferPointer,
        with message: RPCMessage,
        by permits: Permits,
        in body: UnsafeRawBufferPointer
    ) -> Bool {
        guard message.targetKind == .tool, let target = message.target else { return true }
        return target.string(in: body).withResolvedBytes { tool in
            guard case .dependsOnArguments = permits.coverage(of: .tool, tool) else { return true }
            let arguments = message.arguments.map { UnsafeRawBufferPointer(rebasing: body[$0]) }
            guard case .covered(_, let rules) = permits.judgement(of: tool, arguments), let arguments else {
                return false
            }
            return rules.agrees(token, with: arguments) { argument in
                switch argument {
                case .text(let text): equal(value, text)
                case .written(let bytes): bytes.elementsEqual(value)
                }
            }
        }
    }

    /// The value of a field that names the message's task, without the task's tag; nil when the field names another task.
    package static func untaggedTask(
        _ value: UnsafeRawBufferPointer,
        of message: RPCMessage,
        in body: UnsafeRawBufferPointer
    ) -> [UInt8]? {
        guard let task = message.owned.first(where: { $0.kind == .task })?.text?.string(in: body) else { return nil }
        guard let encoded = encoded(value) else {
            return task.equals(value) ? Array(value.dropLast(OwnedTags.length)) : nil
        }
        guard let name = Base64.decode(encoded), name.withUnsafeBytes({ task.equals($0) }) else { return nil }
        return Array("=?base64?".utf8) + Base64.encode(name.dropLast(OwnedTags.length)) + Array("?=".utf8)
    }

    /// A name as the field carries it: as it is where a field can, else in base64.
    package static func written(_ name: String) -> String {
        let isPlain = name.utf8.allSatisfy { (0x20...0x7E).contains($0) } && name.first != " " && name.last != " "
        guard !isPlain || name.hasPrefix("=?") else { return name }
        return String(
            decoding: Array("=?base64?".utf8) + Base64.encode(Array(name.utf8)[...]) + Array("?=".utf8),
            as: UTF8.self
        )
    }

    private static let opening: StaticString = "=?base64?"

    private static func equal(_ value: UnsafeRawBufferPointer, _ target: JSONString) -> Bool {
        guard let text = encoded(value) else { return target.equals(value) }
        return Base64.decode(text).map { decoded in decoded.withUnsafeBytes { target.equals($0) } } ?? false
    }

    /// The base64 of a value that is written so, nil for a plain one.
    private static func encoded(_ value: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        let opening = opening.utf8CodeUnitCount
        guard value.count >= opening + 2, value[..<opening].elementsEqual(Self.opening.bytes),
            value[value.count - 2] == 0x3F, value[value.count - 1] == 0x3D
        else { return nil }
        return UnsafeRawBufferPointer(rebasing: value[opening..<value.count - 2])
    }
}

extension StaticString {
    fileprivate var bytes: UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: utf8Start, count: utf8CodeUnitCount)
    }
}
