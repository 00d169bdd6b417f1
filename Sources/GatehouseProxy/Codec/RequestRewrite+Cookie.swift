extension RequestRewrite {
    /// The cookies of Access: the caller's assertion, the session at the edge, and what binds one to the other.
    private static let accessCookies: [StaticString] = [
        "CF_Authorization", "CF_AppSession", "CF_Binding", "CF_Session",
    ]

    /// Nil when a `Cookie` field has none of Access's and passes as it is; else whether any other cookie is in it.
    func keptCookies(_ field: Field, _ source: UnsafeRawBufferPointer) -> Bool? {
        var found = false
        var others = false
        eachCookie(field, source) { _, lower, upper, isAccess in
            if isAccess { found = true } else if lower < upper { others = true }
        }
        return found ? others : nil
    }

    /// Writes the field without Access's cookies. The other cookies stay byte for byte, with the whitespace before them: nothing
    /// is added, so the field never grows beyond its bound.
    func writeCookies(_ field: Field, _ source: UnsafeRawBufferPointer, _ writer: inout HeadWriter) {
        writer.append(source, field.name.lower, field.value.lower)
        var isFirst = true
        eachCookie(field, source) { start, lower, upper, isAccess in
            guard !isAccess, lower < upper else { return }
            if !isFirst { writer.append(0x3B) }
            writer.append(source, isFirst ? lower : start, upper)
            isFirst = false
        }
        writer.append("\r\n")
    }

    /// The pieces between semicolons without the whitespace around them (RFC 6265 section 4.2.1).
    private func eachCookie(
        _ field: Field,
        _ source: UnsafeRawBufferPointer,
        _ body: (_ start: Int, _ lower: Int, _ upper: Int, _ isAccess: Bool) -> Void
    ) {
        var at = field.value.lower
        while at <= field.value.upper {
            var end = at
            while end < field.value.upper, source[end] != 0x3B { end += 1 }
            var lower = at
            var upper = end
            while lower < upper, source[lower] == 0x20 || source[lower] == 0x09 { lower += 1 }
            while lower < upper, source[upper - 1] == 0x20 || source[upper - 1] == 0x09 { upper -= 1 }
            body(at, lower, upper, isAccessCookie(source, lower, upper))
            at = end + 1
        }
    }

    private func isAccessCookie(_ source: UnsafeRawBufferPointer, _ lower: Int, _ upper: Int) -> Bool {
        guard upper - lower > 3, source[lower] == 0x43, source[lower + 1] == 0x46 else { return false }
        for name in Self.accessCookies where isCookie(name, source, lower, upper) { return true }
        return false
    }

    /// The name up to `=` or the end, without whitespace before the `=`: lenient servers trim it, and PHP reads `.` as `_`.
    private func isCookie(_ name: StaticString, _ source: UnsafeRawBufferPointer, _ lower: Int, _ upper: Int) -> Bool {
        guard upper - lower >= name.utf8CodeUnitCount else { return false }
        for offset in 0..<name.utf8CodeUnitCount where source[lower + offset] != name.utf8Start[offset] {
            guard name.utf8Start[offset] == 0x5F, source[lower + offset].foldedInName == 0x2D else { return false }
        }
        var at = lower + name.utf8CodeUnitCount
        while at < upper, source[at] == 0x20 || source[at] == 0x09 { at += 1 }
        return at == upper || source[at] == 0x3D
    }
}
