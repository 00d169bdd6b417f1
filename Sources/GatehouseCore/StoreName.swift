/// The name of a store in `stores`: what `store:` and `gatehouse store migrate` say, in the grammar of ``OperatorName``.
package struct StoreName: Hashable, Sendable, CustomStringConvertible {
    package let text: String

    package init(parsing text: String) throws(InvalidValue) { self.text = try OperatorName.checked(text) }

    package var description: String { text }
}
