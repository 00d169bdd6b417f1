internal import GatehouseProxy

/// The last hour as bars, one a minute: what was served at the bottom, what was refused and what failed above it. Plain SVG.
struct StatusChart {
    let minutes: [LastHour.Minute]
    let height: Int
    /// Bars with a gap between them; the page scales the whole.
    private static let step = 10
    private static let bar = 7

    func write(into html: inout HTMLText, label: String) {
        let width = minutes.count * Self.step
        let tallest = max(1, minutes.map(\.requests).max() ?? 1)
        html.markup("<svg viewBox=\"0 0 ")
        html.number(width)
        html.markup(" ")
        html.number(height)
        html.markup("\" preserveAspectRatio=\"none\" role=\"img\"><title>")
        html.words(label)
        html.markup("</title>")
        html.markup("<rect class=\"floor\" x=\"0\" y=\"")
        html.number(height - 1)
        html.markup("\" width=\"")
        html.number(width)
        html.markup("\" height=\"1\"/>")
        for (index, minute) in minutes.enumerated() where minute.requests > 0 {
            let served = minute.requests - minute.refused - minute.failed
            html.markup("<g><title>")
            html.words("\(minutes.count - 1 - index) min ago: \(served) served")
            html.words(", \(minute.refused) refused, \(minute.failed) failed")
            html.markup("</title>")
            var top = height
            for (kind, count) in [("served", served), ("refused", minute.refused), ("failed", minute.failed)]
            where count > 0 {
                // A single refusal among thousands of requests must still be seen.
                let tall = max(2, count * (height - 2) / tallest)
                top = max(0, top - tall)
                rectangle(kind, index, top, tall, &html)
            }
            html.markup("</g>")
        }
        html.markup("</svg>")
    }

    private func rectangle(_ kind: String, _ index: Int, _ top: Int, _ tall: Int, _ html: inout HTMLText) {
        html.markup("<rect class=\"")
        html.words(kind)
        html.markup("\" x=\"")
        html.number(index * Self.step)
        html.markup("\" y=\"")
        html.number(top)
        html.markup("\" width=\"")
        html.number(Self.bar)
        html.markup("\" height=\"")
        html.number(tall)
        html.markup("\"/>")
    }
}
