internal import GatehouseCore

/// What `completion/complete` completes an argument of (2025-11-25, server utilities, completion).
struct RPCReference {
    let kind: Policy.TargetKind
    /// Of the member that the type calls for, when it is a string.
    let target: JSONString?

    /// - Parameter scanner: stands before the value of `ref`.
    /// - Returns: nil for a type that is not known here.
    init?(_ scanner: JSONScanner) throws(RPCFault) {
        var scanner = scanner
        let start = scanner.offset
        guard scanner.next == .object else { throw RPCFault(.parameters, at: start) }
        try json { () throws(JSONFault) in try scanner.beginObject() }
        var type: JSONString?
        var name: JSONString?
        var uri: JSONString?
        var members = RPCMembers(.reference)
        while let member = try members.next(&scanner) {
            guard member != .other, scanner.next == .string else {
                try json { () throws(JSONFault) in _ = try scanner.skip() }
                continue
            }
            let text = try json { () throws(JSONFault) in try scanner.string() }
            switch member {
            case .type: type = text
            case .name: name = text
            case .uri: uri = text
            case .jsonrpc, .id, .method, .params, .result, .error, .arguments, .ref, .other: break
            }
        }
        guard let type else { throw RPCFault(.parameters, at: start) }
        if type == "ref/prompt" {
            (kind, target) = (.prompt, name)
        } else if type == "ref/resource" {
            (kind, target) = (.resource, uri)
        } else {
            return nil
        }
    }
}
