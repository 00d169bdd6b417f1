internal import Glibc
internal import GatehouseCore
internal import YAMLReader

extension Configuration {
    /// Reads a file.
    ///
    /// - Throws: ``ConfigurationError`` with everything that is wrong, in the order of the file.
    package static func read(
        path: String,
        environment: Environment = .process
    ) throws(ConfigurationError) -> Configuration {
        try Configuration(parsing: try bytes(of: path), file: path, environment: environment)
    }

    /// Parts of a file that commands need.
    package enum Section: String, Sendable, CaseIterable {
        /// `listen`.
        case listeners
        case admin
        case access
        /// Each by itself: one that cannot be read is left out.
        case stores
        /// The live store, and how it is read.
        case store
        /// Tokens that renew themselves, and where they are kept.
        case tokens
        case audit
        case limits
        case reload
        case log
        case telemetry
        /// Each by itself: one that cannot be read is left out.
        case routes
    }

    /// Reads the sections that a command needs, whatever else is wrong with the file: rotating a token at night must not be kept from it by
    /// another's half-written route. Never used for serving.
    ///
    /// - Parameter whole: sections of which not even a part, as a store or a route, may be left out.
    /// - Throws: ``ConfigurationError`` with everything that is wrong when that concerns one of `sections` or `whole`.
    package static func read(
        path: String,
        needing sections: Set<Section>,
        whole: Set<Section> = [],
        environment: Environment = .process
    ) throws(ConfigurationError) -> Configuration {
        let text = try bytes(of: path)
        do throws(ConfigurationError) {
            return try Configuration(parsing: text, file: path, environment: environment)
        } catch {
            guard error.code == .invalid else { throw error }
            let decoding = Decoding(environment, isLenient: true)
            guard let root = root(of: text, decoding), let draft = Draft.shape.decode(root, decoding),
                decoding.unread.isDisjoint(with: sections.union(whole)), decoding.incomplete.isDisjoint(with: whole)
            else { throw error }
            return Configuration(
                draft.value,
                text: text,
                warnings: error.diagnostics,
                unread: decoding.unread,
                incomplete: decoding.incomplete
            )
        }
    }

    /// The tree of a text that is not YAML, read without the one section that breaks it.
    private static func root(of text: [UInt8], _ decoding: Decoding) -> YAMLNode? {
        let reading = YAMLReader.read(text)
        if let root = reading.root { return root }
        guard let line = reading.problems.first?.span.start.line,
            let broken = BrokenSection(of: text, noticedOn: line)
        else { return nil }
        decoding.unread = broken.sections
        return YAMLReader.read(broken.rest).root
    }

    /// The folder of the spool as far as the file states it, whatever else is wrong with it: for commands that look for the running instance.
    package static func spool(path: String, environment: Environment = .process) -> String {
        func value(_ key: String, in node: YAMLNode?) -> YAMLNode? {
            guard case .mapping(let entries)? = node?.content else { return nil }
            return entries.first { $0.key == key }?.value
        }
        guard let bytes = try? bytes(of: path),
            let node = value(
                AuditFields.spool.key,
                in: value(ConfigurationFields.audit.key, in: root(of: bytes, Decoding(environment)))
            )
        else { return AuditSettings.defaultSpool }
        return AuditFields.spool.shape.decode(node, Decoding(environment))?.value ?? AuditSettings.defaultSpool
    }

    /// The line on which a key of the top level stands; nil when the file leaves it out.
    package func line(of key: String) -> Int? {
        guard case .mapping(let entries)? = YAMLReader.read(text).root?.content else { return nil }
        return entries.first { $0.key == key }?.keySpan.start.line
    }

    /// Reads the text of a file.
    ///
    /// - Parameters:
    ///   - file: how diagnostics name the text.
    ///   - former: an earlier reading with the same environment; its routes are taken where their text is the same.
    package init(
        parsing text: some Sequence<UInt8>,
        file: String,
        environment: Environment,
        after former: Configuration? = nil
    ) throws(ConfigurationError) {
        let bytes = Array(text)
        let reading = YAMLReader.read(bytes)
        let decoding = Decoding(environment)
        // What a text means that is no proper YAML does not depend on the routes' bytes alone: a tag may be defined above them.
        decoding.routes = RouteReading(of: bytes, after: reading.problems.isEmpty ? former : nil)
        for problem in reading.problems {
            decoding.error(problem.message, at: problem.span, hint: problem.suggestion)
        }
        var draft: Decoded<Draft>?
        if let root = reading.root {
            draft = Draft.shape.decode(root, decoding)
            // Only what is quoted needs hiding: a file in which nothing is wrong is not searched.
            if decoding.hasProblems { decoding.redact(SecretLooks.ranges(in: root)) }
        } else if reading.problems.isEmpty {
            decoding.error("the file is empty", at: .start, hint: "config/coda.example.yaml is a file to start from")
        }
        let source = SourceText(bytes, redactions: decoding.redactions, isParsed: reading.root != nil)
        let diagnostics = decoding.diagnostics(file, source)
        guard !decoding.hasFailed, let draft else { throw ConfigurationError(.invalid, diagnostics) }
        self.init(
            draft.value,
            text: bytes,
            warnings: diagnostics,
            parts: Self.parts(draft),
            readRoutes: decoding.routes.read
        )
    }

    /// The content of a file, one byte more than the limit at most, so that the reader sees that it is too long.
    package static func bytes(of path: String) throws(ConfigurationError) -> [UInt8] {
        do throws(InvalidValue) {
            return try RegularFile.read(path, atMost: YAMLReader.maximumLength + 1)
        } catch {
            let diagnostic = Diagnostic(.error, file: path, message: error.message, hint: hint(aboutUnreadable: path))
            throw ConfigurationError(.unreadable, [diagnostic])
        }
    }

    private static func hint(aboutUnreadable path: String) -> String? {
        var status = stat()
        guard stat(path, &status) == 0 else { return errno == ENOENT ? "gatehouse init writes one" : nil }
        // Docker makes a folder where a file that is to be mounted does not exist.
        return status.st_mode & S_IFMT == S_IFDIR
            ? "was it mounted before it existed? Mount the folder that holds gatehouse.yaml" : nil
    }
}

extension Decoding {
    /// Everything collected, in the order of the file, quoted from `source`.
    func diagnostics(_ file: String, _ source: SourceText) -> [Diagnostic] {
        let sorted = problems.enumerated().sorted { one, other in
            let (left, right) = (one.element.span.start.offset, other.element.span.start.offset)
            return left == right ? one.offset < other.offset : left < right
        }
        var diagnostics = sorted.map { _, problem in
            Diagnostic(
                problem.severity,
                file: file,
                line: problem.span.start.line,
                column: problem.span.start.column,
                message: problem.message,
                hint: problem.hint,
                excerpt: source.excerpt(at: problem.span)
            )
        }
        if unreported > 0, let last = diagnostics.last {
            diagnostics.append(
                Diagnostic(
                    hasUnreportedErrors ? .error : .warning,
                    file: file,
                    line: last.line,
                    column: last.column,
                    message: "\(unreported) more problems"
                )
            )
        }
        return diagnostics
    }
}
