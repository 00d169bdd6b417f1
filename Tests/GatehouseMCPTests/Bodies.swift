import GatehouseCore
import GatehouseMCP

/// The gate's reading of a body, with its positions made text.
struct Reading: Equatable {
    var kind: RPCMessage.Kind
    var id: String?
    var method: String?
    var target: String?
    var arguments: String?

    init(
        _ kind: RPCMessage.Kind,
        id: String? = nil,
        _ method: String? = nil,
        _ target: String? = nil,
        arguments: String? = nil
    ) {
        self.kind = kind
        self.id = id
        self.method = method
        self.target = target
        self.arguments = arguments
    }

    init(_ message: RPCMessage, in bytes: UnsafeRawBufferPointer) {
        func text(_ range: Range<Int>?) -> String? { range.map { String(decoding: bytes[$0], as: UTF8.self) } }
        kind = message.kind
        id = text(message.id)
        method = message.method?.string(in: bytes).text
        target = message.target?.string(in: bytes).text
        arguments = text(message.arguments)
    }
}

enum Bodies {
    static func read(_ body: String, allowsBatch: Bool = true) throws(RPCFault) -> [Reading] {
        try read(Array(body.utf8), allowsBatch: allowsBatch)
    }

    static func read(_ body: [UInt8], allowsBatch: Bool = true) throws(RPCFault) -> [Reading] {
        // Array's method of this name rethrows without the type.
        let result = body.withUnsafeBytes { bytes -> Result<[Reading], RPCFault> in
            do throws(RPCFault) {
                var readings: [Reading] = []
                try RPCGate.scan(bytes, allowsBatch: allowsBatch).forEach { readings.append(Reading($0, in: bytes)) }
                return .success(readings)
            } catch { return .failure(error) }
        }
        return try result.get()
    }

    static func fault(_ body: String, allowsBatch: Bool = true) -> RPCFault.Code? {
        do throws(RPCFault) {
            _ = try read(body, allowsBatch: allowsBatch)
            return nil
        } catch { return error.code }
    }

    /// A call with `rest` as further members.
    static func call(_ rest: String, params: String = #"{"name":"search"}"#) -> String {
        #"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":\#(params)\#(rest)}"#
    }

    /// A policy of one grant on the tools, prompts and resources that these globs match.
    static func permits(_ globs: [String]) -> Permits {
        let list = globs.map { Glob($0) }
        let grant = Grant(users: [Glob("*")], serviceTokens: [], tools: list, prompts: list, resources: list)
        return Permits(Policy(grants: [grant]), of: Principal(kind: .user, name: "ann@example.com"))
    }
}

extension String {
    /// Hands the text over as it may come: in parts of `size` bytes, of which the last may be shorter.
    func inParts(of size: Int, _ take: (UnsafeRawBufferPointer) -> Void) {
        var rest = Array(utf8)[...]
        while !rest.isEmpty {
            rest.prefix(size).withUnsafeBytes(take)
            rest = rest.dropFirst(size)
        }
    }
}
