internal import GatehouseCore
internal import YAMLReader

/// One reading of a file: collects every diagnostic, and the ranges of text that must not be quoted.
final class Decoding {
    /// Diagnostics of one file; further ones are only counted. Warnings make room for errors.
    static let maximumProblems = 200

    let environment: Environment
    private(set) var problems: [Problem] = []
    private(set) var unreported = 0
    private(set) var hasUnreportedErrors = false
    private(set) var redactions: [Range<Int>] = []
    /// Errors so far, unreported ones included.
    private(set) var errors = 0
    /// The name and match of each route, as far as they could be read: routes are compared even when another part of one is wrong.
    var claims: [RouteClaim] = []
    /// The routes of the reading before, and of this one for the next.
    var routes = RouteReading()
    /// Warnings that hold where Access itself signs, whose tags and ids have known forms.
    private(set) var doubtsUnderAccess: [Problem] = []
    /// Variables that hold secrets, and where they are named.
    var secretVariables: [(name: String, span: YAMLSpan)] = []

    struct Problem: Sendable {
        let severity: Diagnostic.Severity
        let message: String
        let hint: String?
        let span: YAMLSpan
    }

    /// Whether what can be read is wanted though something else cannot: for commands that need only a part.
    let isLenient: Bool
    /// Sections that a lenient reading could not read.
    var unread: Set<Configuration.Section> = []
    /// Sections that a lenient reading could read only in part.
    var incomplete: Set<Configuration.Section> = []

    init(_ environment: Environment, isLenient: Bool = false) {
        self.environment = environment
        self.isLenient = isLenient
    }

    func error(_ message: String, at span: YAMLSpan, hint: String? = nil) {
        errors += 1
        add(Problem(severity: .error, message: message, hint: hint, span: span))
    }

    func warning(_ message: String, at span: YAMLSpan, hint: String? = nil) {
        add(Problem(severity: .warning, message: message, hint: hint, span: span))
    }

    func doubtUnderAccess(_ message: String, at span: YAMLSpan, hint: String) {
        doubt(Problem(severity: .warning, message: message, hint: hint, span: span))
    }

    func doubt(_ problem: Problem) {
        routes.doubted(problem)
        doubtsUnderAccess.append(problem)
    }

    /// The issuer turned out to be Access.
    func warnOfDoubtsUnderAccess() { for doubt in doubtsUnderAccess { add(doubt) } }

    /// Whether further problems are only counted, so that no work on their wording is worth it.
    var isFull: Bool { problems.count >= Self.maximumProblems }

    var hasProblems: Bool { !problems.isEmpty }

    var hasFailed: Bool { errors > 0 }

    func add(_ problem: Problem) {
        routes.said(problem)
        guard isFull else { return problems.append(problem) }
        unreported += 1
        guard problem.severity == .error else { return }
        if let warning = problems.lastIndex(where: { $0.severity == .warning }) {
            problems[warning] = problem
        } else {
            hasUnreportedErrors = true
        }
    }

    func redact(_ span: YAMLSpan) { redactions.append(span.start.offset..<max(span.end.offset, span.start.offset)) }
    func redact(_ ranges: [Range<Int>]) { redactions += ranges }

    /// How the text of a scalar and its variables become a value.
    typealias Substituting = (String, Environment) throws(Substitution.Failure) -> Substitution

    /// The scalar at a node with its variables substituted; nil, and reported, when it is no scalar or names a variable that
    /// is not set.
    ///
    /// - Parameters:
    ///   - wanted: what the value should be, to say so: "a duration".
    ///   - substituting: puts variables in their places; for a value in which they are more than text.
    func scalar(_ node: YAMLNode, wanted: String, substituting: Substituting? = nil) -> Scalar? {
        guard case .scalar(let scalar) = node.content else {
            wrongType(node, wanted: wanted)
            return nil
        }
        do throws(Substitution.Failure) {
            let value =
                if let substituting {
                    try substituting(scalar.text, environment)
                } else {
                    try Substitution(scalar.text, environment)
                }
            if value.isSubstituted { routes.askedEnvironment() }
            return Scalar(
                text: value.text,
                written: scalar.text,
                isSubstituted: value.isSubstituted,
                isPlain: scalar.style == .plain && !value.isSubstituted,
                span: node.span
            )
        } catch {
            self.error(error.message, at: node.span, hint: error.hint)
            return nil
        }
    }

    /// The scalar at a node that must be text: not a number, a truth value or nothing.
    ///
    /// - Parameter suggest: what to write instead of a number for which quotes are not enough.
    func text(
        _ node: YAMLNode,
        wanted: String,
        substituting: Substituting? = nil,
        insteadOf suggest: (String) -> String? = { _ in nil }
    ) -> Scalar? {
        guard let scalar = scalar(node, wanted: wanted, substituting: substituting) else { return nil }
        if scalar.isNull {
            error("the value is missing: \(wanted) is wanted", at: node.span)
            return nil
        }
        if scalar.isNumber || scalar.isBoolean {
            let kind = scalar.isNumber ? "number" : "truth value"
            let hint = suggest(scalar.text) ?? "write it in quotes: \"\(scalar.text)\""
            error("\(wanted) is wanted, not a \(kind)", at: node.span, hint: hint)
            return nil
        }
        return scalar
    }

    func wrongType(_ node: YAMLNode, wanted: String) {
        switch node.content {
        case .refused:
            errors += 1
        case .scalar(let scalar):
            let isNull = scalar.style == .plain && ["", "~", "null"].contains(scalar.text)
            error(
                isNull ? "the value is missing: \(wanted) is wanted" : "\(wanted) is wanted, not a single value",
                at: node.span
            )
        case .sequence:
            error("\(wanted) is wanted, not a list", at: node.span)
        case .mapping(let entries):
            // `{token}` without quotes is a mapping with one key and no value.
            let isBraced = entries.count == 1 && entries[0].value.isEmpty
            let hint = isBraced ? "write braces in quotes: \"{\(PlainText.oneLine(entries[0].key))}\"" : nil
            error("\(wanted) is wanted, not a mapping", at: node.span, hint: hint)
        }
    }

    /// Makes a type out of a scalar; nil, and reported, when it does not make one. What a variable held is not repeated.
    func parse<Value>(
        _ scalar: Scalar,
        wanted: String,
        _ make: (String) throws(InvalidValue) -> Value
    ) -> Value? {
        do {
            return try make(scalar.text)
        } catch {
            guard scalar.isSubstituted else {
                self.error(error.message, at: scalar.span, hint: error.suggestion)
                return nil
            }
            self.error("what \(PlainText.echo(scalar.written)) stands for is not \(wanted)", at: scalar.span)
            return nil
        }
    }
}

extension YAMLScalar {
    /// Whether the core schema of YAML 1.2 reads the scalar as null.
    var isNull: Bool { style == .plain && ["", "~", "null", "Null", "NULL"].contains(text) }
}

extension YAMLNode {
    /// Whether nothing stands here.
    var isEmpty: Bool {
        if case .scalar(let scalar) = content { scalar.style == .plain && scalar.text.isEmpty } else { false }
    }
}
