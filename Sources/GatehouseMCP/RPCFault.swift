internal import GatehouseCore

/// Why a body is no message that every reader understands alike: `rpc_malformed`.
package struct RPCFault: Error, Hashable, Sendable {
    package enum Code: Hashable, Sendable {
        /// No strict JSON; the scanner's own words for it.
        case json(String)
        /// A member's name that could be taken for one that matters: another case, an escape, a control character.
        case lookalike
        /// `jsonrpc` is not exactly "2.0".
        case version
        /// An id that is no string and no integer that every reader holds exactly, or is too long.
        case id
        /// A method that is no string, is too long, or could be taken for one that matters.
        case method
        /// Neither request, notification nor response, or two of these at once.
        case shape
        /// A batch where none may be, empty, too long, nested, or mixing requests with responses.
        case batch
    }

    package let code: Code
    /// Bytes from the start of the body.
    package let offset: Int

    init(_ code: Code, at offset: Int) {
        self.code = code
        self.offset = offset
    }

    init(_ fault: JSONFault) {
        self.init(.json(fault.code.rawValue), at: fault.offset)
    }
}
