internal import GatehouseCore

/// The way from a JSON-RPC message to one member, for what is read only where it is needed.
enum MemberPath {
    /// Stops before the value at the end of the path.
    ///
    /// - Returns: whether there is one.
    static func enter(_ path: [StaticString], _ scanner: inout JSONScanner) throws(JSONFault) -> Bool {
        for name in path {
            guard scanner.next == .object, try enter(name, &scanner) else { return false }
        }
        return true
    }

    private static func enter(_ name: StaticString, _ scanner: inout JSONScanner) throws(JSONFault) -> Bool {
        try scanner.beginObject()
        while let member = try scanner.nextMember() {
            if member == name { return true }
            try scanner.skip()
        }
        return false
    }
}
