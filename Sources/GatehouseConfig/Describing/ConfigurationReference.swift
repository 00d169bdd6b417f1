internal import GatehouseCore

/// The reference page of the file, in Markdown. Made of the same fields that read the file.
package enum ConfigurationReference {
    /// The path of the document in the project.
    package static let path = "docs/CONFIGURATION.md"

    package static var text: String {
        var sections: [Section] = []
        collect("The top level", ConfigurationFields.all, &sections)
        return ([introduction] + sections.map(\.text)).joined(separator: "\n")
    }

    private static let introduction = """
        # Configuration

        Made by `gatehouse schema --reference` from the code that reads the file; `deploy/generate.sh` writes it anew.

        `gatehouse check` says everything that is wrong with a file at once, each with its line, and prints nothing about a good
        one; `gatehouse check --print` prints what is in force, defaults filled in and without secrets. Editors that know the YAML
        language server complete and check with `# yaml-language-server: $schema=gatehouse.schema.json` as the first line.

        - Durations are `250ms 30s 5m 1h 90d`, sizes `64KiB 4MiB`, rates `10/s 600/min`.
        - `${NAME}` and `${NAME:-default}` stand for environment variables inside values; `$$` is a dollar sign. They are put in
          after parsing, so that no variable can change the structure.
        - A secret never stands in the file: where one is wanted, the value is `{ env: NAME }` or `{ file: /PATH }`.
        - Unknown keys, keys given twice, anchors and aliases are errors.

        ## What a reload takes

        `serve` reads the file again when it changes, when a symlink to it moves, and on SIGHUP. When the new file has mistakes, the old configuration stays
        in force, and the log, `gatehouse_config_last_reload_successful`, `/readyz` and the status page say why. A reload takes `routes`, `stores` and `store`
        with their times, `log`, `limits` except `connections`, of `audit` the `sink` and `retention`, and of `access` the deny lists, `groups`, `clock_skew` and
        `max_token_age`. Other keys are read at the start only: when one of them changes, the log, `/readyz` and the status page name it and say that it waits for a restart. `gatehouse reload` has the
        running instance read the file, waits, and prints what changed or every error.

        The whole file comes into force in one step: no request is judged by parts of two files.

        `serve` takes a file after it has not changed for one second. When a file lets somebody do more (an `allow` removed, a caller or target added to one, a
        deny entry removed, an audience or a kind of credential added, a new route), the log has a warning for each difference. Such a file is held while
        it may be only half written: when it does not end with a newline, is the beginning of the former file or smaller than half of it, or when a
        route has lost its `allow`. It is taken when it has been the same for 10 s. With `reload: { widening: confirm }` every such file waits for
        `gatehouse reload --yes`. A file that only narrows access never waits.

        """

    private struct Section {
        let title: String
        let note: String?
        let fields: [FieldForm]

        var text: String {
            var lines = ["## \(title)", ""]
            if let note { lines += [note, ""] }
            guard !fields.isEmpty else { return (lines + ["No keys of its own.", ""]).joined(separator: "\n") }
            lines += ["| key | value | default | meaning |", "|---|---|---|---|"]
            for field in fields {
                let cells = ["`\(field.key)`", words(field.form), shown(field), field.documentation]
                lines.append("| " + cells.map(cell).joined(separator: " | ") + " |")
            }
            return (lines + [""]).joined(separator: "\n")
        }

        private func cell(_ text: String) -> String { text.replacing("|", with: "\\|") }

        private func shown(_ field: FieldForm) -> String {
            switch field.presence {
            case .required: return "**required**"
            case .optional: return "–"
            case .fallback(let yaml):
                let lines = yaml.split(separator: "\n")
                if lines.count == 1 { return "`\(lines[0])`" }
                // A mapping's defaults stand in its own section.
                return lines.isEmpty ? "none" : "see there"
            }
        }
    }

    private static func collect(
        _ title: String,
        _ fields: [FieldForm],
        note: String? = nil,
        under path: String = "",
        _ sections: inout [Section]
    ) {
        sections.append(Section(title: title, note: note, fields: fields))
        for field in fields {
            collect(field.form, path.isEmpty ? field.key : "\(path).\(field.key)", field.documentation, &sections)
        }
    }

    private static func collect(_ form: ValueForm, _ path: String, _ note: String, _ sections: inout [Section]) {
        switch form {
        case .mapping(let fields): collect("`\(path)`", fields, note: note, under: path, &sections)
        case .list(let element, _): collect(element, "\(path)[]", note, &sections)
        case .table(_, let value): collect(value, "\(path).NAME", note, &sections)
        case .variants(let variants):
            for variant in variants {
                let title = "`\(path)` of `kind: \(variant.kind)`"
                collect(title, variant.fields, note: variant.documentation, under: path, &sections)
            }
        case .either(let forms): for form in forms { collect(form, path, note, &sections) }
        case .text, .integer, .boolean, .number, .scalar, .duration, .size, .rate, .choice, .secret: break
        }
    }

    private static func words(_ form: ValueForm) -> String {
        switch form {
        case .text(let wanted): wanted
        case .integer(let range):
            range.count == 1 ? "`\(range.lowerBound)`" : "\(range.lowerBound) to \(range.upperBound)"
        case .boolean: "`true` or `false`"
        case .number: "a number"
        case .scalar(let wanted): wanted
        case .duration(let range): "`\(DurationText(range.lowerBound))` to `\(DurationText(range.upperBound))`"
        case .size(let range): "`\(SizeText(bytes: range.lowerBound))` to `\(SizeText(bytes: range.upperBound))`"
        case .rate: "a rate"
        case .choice(let words): words.map { "`\($0)`" }.joined(separator: ", ")
        case .secret: "`{ env: NAME }` or `{ file: /PATH }`"
        case .list(let element, let minimum):
            "list of: \(words(element))" + (minimum > 0 ? ", at least \(minimum)" : "")
        case .table(let key, let value): "mapping: \(key) to \(words(value))"
        case .mapping: "mapping, see there"
        case .either(let forms): forms.map(words).joined(separator: "; or ")
        case .variants(let variants): "one of `kind: " + variants.map(\.kind).joined(separator: ", ") + "`"
        }
    }
}
