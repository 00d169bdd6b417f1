/// Why a text is not a document that this reader takes.
package struct YAMLProblem: Error, Hashable, Sendable {
    package enum Code: Hashable, Sendable, CaseIterable {
        case tooLong
        case notUTF8
        case syntax
        case tooDeep
        case severalDocuments
        case anchor
        case alias
        case tag
        case duplicateKey
        case keyNotText
        case outOfMemory
    }

    package let code: Code
    package let message: String
    package let span: YAMLSpan
    /// The text to write instead, when it is known.
    package let suggestion: String?

    package init(_ code: Code, _ message: String, at span: YAMLSpan, suggestion: String? = nil) {
        self.code = code
        self.message = message
        self.span = span
        self.suggestion = suggestion
    }
}
