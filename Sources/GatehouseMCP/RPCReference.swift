internal import GatehouseCore

/// The `ref` of `completion/complete`: the prompt or resource whose argument is completed (2025-11-25, server utilities, completion).
struct RPCReference {
    /// Nil for a type that is not known here.
    private(set) var kind: Policy.TargetKind?
    /// The value of the member that the type calls for, when it is a string.
    private(set) var target: JSONString?
    private(set) var hasType = false

    /// - Parameter scanner: stands before the value of `ref`, and behind it after.
    init(_ scanner: inout RPCScanner) throws(RPCFault) {
        guard scanner.next == .object else {
            try scanner.skip()
            return
        }
        try scanner.beginObject()
        var type: JSONString?
        var name: JSONString?
        var uri: JSONString?
        var members = RPCMembers(.reference)
        while let member = try members.next(&scanner) {
            guard member != .other, scanner.next == .string else {
                try scanner.skip()
                continue
            }
            let text = try scanner.string()
            switch member {
            case .type: type = text
            case .name: name = text
            case .uri: uri = text
            case _: break
            }
        }
        guard let type else { return }
        hasType = true
        if type == "ref/prompt" {
            (kind, target) = (.prompt, name)
        } else if type == "ref/resource" {
            (kind, target) = (.resource, uri)
        }
    }
}
