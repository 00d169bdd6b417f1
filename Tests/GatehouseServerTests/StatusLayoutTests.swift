import Foundation
@testable import GatehouseServer
import GatehouseTestSupport
import Testing

/// The status page as Chromium lays it out: at the widths of a phone, a tablet and a laptop, light and dark, with no route, some and many,
/// idle and failing. Each page stands in a frame of its width in one document, whose script measures them all.
///
/// `GATEHOUSE_TEST_PICTURES=FOLDER` keeps a picture of each.
@Suite(
    "The layout of the status page",
    .enabled(if: Chromium.path != nil, "no chromium: apt-get install chromium"),
    .timeLimit(.minutes(5))
)
struct StatusLayoutTests {
    static let widths = [390, 768, 1280]

    /// The script's measurements of one page.
    private struct Measure: Decodable {
        let scene: String
        let width: Int
        let isDark: Bool
        /// The height of the whole content, for pictures.
        let height: Int
        /// How far the content goes beyond the window.
        let overflow: Int
        /// Elements that reach out of the window or of their own column.
        let cut: [String]
        /// Values without a label that is seen, and labels without a value.
        let alone: [String]
        /// Text that is too near to its background, with the ratio.
        let faint: [String]
        /// Text that lies over other text.
        let covered: [String]
        let cells: Int
        let header: String
        let headerClass: String
    }

    @Test(arguments: Chromium.Scheme.allCases)
    func `cuts, covers and hides nothing, at any width`(scheme: Chromium.Scheme) async throws {
        let scenes = try Self.scenes()
        let measures: [Measure] = try await Self.layout.measures(of: scenes, at: Self.widths, scheme)
        for measure in measures {
            let place = "\(measure.scene) at \(measure.width), \(scheme)"
            #expect(measure.isDark == (scheme == .dark), "\(place)")
            #expect(measure.overflow <= 0, "\(place)")
            #expect(measure.cut.isEmpty, "\(place): \(measure.cut)")
            #expect(measure.alone.isEmpty, "\(place): \(measure.alone.prefix(5))")
            #expect(measure.faint.isEmpty, "\(place): \(measure.faint)")
            #expect(measure.covered.isEmpty, "\(place): \(measure.covered)")
            let scene = try #require(StatusScene.all.first { $0.description == measure.scene })
            // Routes, tokens and refusals have cells: the script has measured something.
            #expect(measure.cells >= scene.routes * 11, "\(place)")
            #expect(
                measure.headerClass == (scene.header.isGood ? "pill good" : "pill \(scene.header.pill)"),
                "\(place)"
            )
            #expect(measure.header == scene.header.words, "\(place)")
        }
        for measure in measures {
            let scene = try #require(scenes.first { $0.name == measure.scene })
            try await Self.layout.keepPicture(of: scene, width: measure.width, height: measure.height, scheme)
        }
    }

    private static func scenes() throws -> [PageLayout.Scene] {
        try StatusScene.all.map { scene in
            // Without the page's asking for itself again.
            let page = StatusPage(facts: try scene.facts()).html
            return PageLayout.Scene(
                name: scene.description,
                html: page.replacing(#/<meta http-equiv="refresh"[^>]*>/#, with: "")
            )
        }
    }

    private static let layout = PageLayout(
        script: #"""
            function measure(frame) {
              const page = frame.contentDocument, view = frame.contentWindow, width = page.documentElement.clientWidth
              const result = Object.assign(measureText(frame), { alone: [], cells: 0,
                header: page.querySelector('header .pill').textContent, headerClass: page.querySelector('header .pill').className })
              // Cells: each has a value, and a label that is seen, be it its column's heading or its own.
              for (const cell of page.querySelectorAll('td')) {
                result.cells += 1
                const label = cell.dataset.label ?? ''
                const chart = cell.querySelector('svg')
                const box = (chart ?? cell).getBoundingClientRect()
                if (!isSeen(box) || box.right > width + 1) result.alone.push('no value for ' + label + ' in ' + name(cell.parentElement))
                if (!chart && !cell.textContent.trim()) result.alone.push('empty ' + label)
                const heading = cell.closest('table').querySelectorAll('th')[cell.cellIndex]
                const own = view.getComputedStyle(cell, '::before').content
                const above = heading && isSeen(heading.getBoundingClientRect()) && heading.textContent === label
                // On a phone the first of a row is its name or time, and a reason names itself and leads to the runbook.
                const isName = cell === cell.parentElement.firstElementChild || label === 'reason' && cell.querySelector('a')
                if (!above && !isName && !own.includes(label)) result.alone.push('no label ' + label + ' in ' + name(cell.parentElement))
                if (above && own !== 'none' && own !== 'normal') result.alone.push('two labels ' + label)
              }
              for (const term of page.querySelectorAll('dt')) {
                const value = term.nextElementSibling
                if (!value || value.tagName !== 'DD' || !value.textContent.trim() || !isSeen(value.getBoundingClientRect()))
                  result.alone.push('no value for ' + name(term))
              }
              for (const tile of page.querySelectorAll('.tiles > div'))
                if (![...tile.children].every(part => part.textContent.trim() && isSeen(part.getBoundingClientRect())))
                  result.alone.push('half a tile ' + name(tile))
              // Bars of charts against the card that they stand on.
              for (const bar of page.querySelectorAll('rect:not(.floor)')) {
                const [one, two] = [luminance(channels(view.getComputedStyle(bar).fill)), luminance(background(view, bar.closest('section')))]
                const ratio = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05)
                if (ratio < 2.2) { result.faint.push('bar ' + bar.className.baseVal + ' ' + ratio.toFixed(2)); break }
              }
              return result
            }
            """#
    )
}

extension StatusScene {
    /// The expected header.
    fileprivate var header: (words: String, pill: String, isGood: Bool) {
        switch (routes, isFailing) {
        case (_, false): ("ready", "good", true)
        // The file that was replaced.
        case (0, true): ("degraded", "warn", false)
        // One fails for every request, one lacks its token.
        case (_, true): ("2 routes fail", "bad", false)
        }
    }
}
