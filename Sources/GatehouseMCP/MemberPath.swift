internal import GatehouseCore

/// The way from a JSON-RPC message, judged before, to one member, for what is read only where it is needed.
enum MemberPath {
    /// Stops before the value at the end of the path. Where there is none, no value is next either.
    ///
    /// - Throws: when something on the way is no object.
    static func enter(_ path: [StaticString], _ scanner: inout JSONScanner) throws(JSONFault) {
        for name in path {
            try scanner.beginObject()
            while let member = try scanner.nextMember(), !(member == name) { try scanner.skip() }
        }
    }
}
