import Foundation
@testable import GatehouseServer
import GatehouseTestSupport
import Testing

/// The parts of a layout's measurement that all pages share. Each page stands in a frame of its width; the script of the document around them measures.
struct PageLayout {
    struct Scene {
        let name: String
        let html: String
    }

    /// Defines `measure(frame)`, whose result is that of `measureText(frame)` with what a page's own layout is asked.
    let script: String

    /// The measurements of each scene at each width.
    func measures<Measure: Decodable>(
        of scenes: [Scene],
        at widths: [Int],
        _ scheme: Chromium.Scheme
    ) async throws -> [Measure] {
        let folder = try OwnFolder("layout")
        let outcome = try await load(
            document(scenes, widths, running: Self.functions + script + Self.report),
            "all",
            scheme,
            folder.path,
            ["--window-size=1400,1000", "--dump-dom"]
        )
        let match = try #require(outcome.output.firstMatch(of: #/<pre id="measures">([^<]*)</#), "\(outcome.errors)")
        let text = try #require(Data(base64Encoded: String(match.output.1)))
        let measures = try JSONDecoder().decode([Measure].self, from: text)
        #expect(measures.count == scenes.count * widths.count)
        return measures
    }

    /// Keeps a picture where `GATEHOUSE_TEST_PICTURES` names a folder.
    func keepPicture(
        of scene: Scene,
        named prefix: String = "",
        width: Int,
        height: Int,
        _ scheme: Chromium.Scheme
    ) async throws {
        guard let folder = ProcessInfo.processInfo.environment["GATEHOUSE_TEST_PICTURES"] else { return }
        let name = "\(prefix)\(scene.name)-\(width)-\(scheme)"
        _ = try await load(
            document([scene], [width], height: height),
            name,
            scheme,
            folder,
            // A window is never narrower than 500 px, a frame is.
            ["--window-size=\(max(500, width)),\(height)", "--screenshot=\(folder)/\(name).png"]
        )
    }

    private func load(
        _ html: String,
        _ name: String,
        _ scheme: Chromium.Scheme,
        _ folder: String,
        _ arguments: [String]
    ) async throws -> Chromium.Outcome {
        let file = URL(fileURLWithPath: "\(folder)/\(name).html")
        try Data(html.utf8).write(to: file)
        return try await Chromium.load(file.absoluteString, scheme, in: folder, arguments)
    }

    private func document(
        _ scenes: [Scene],
        _ widths: [Int],
        height: Int = 900,
        running script: String? = nil
    ) -> String {
        var frames = ""
        for scene in scenes {
            for width in widths {
                frames += "<iframe data-scene=\"\(scene.name)\" width=\"\(width)\" height=\"\(height)\" "
                frames += "srcdoc=\"\(HTMLText.escaped(scene.html))\"></iframe>"
            }
        }
        return """
            <!doctype html><html><head><meta charset="utf-8"><meta name="color-scheme" content="light dark">
            <style>body{margin:0}iframe{border:0;display:block}</style></head><body>\(frames)
            <pre id="measures"></pre>\(script.map { "<script>\($0)</script>" } ?? "")</body></html>
            """
    }

    /// `measureText(frame)` says how far the content goes beyond the window, and which texts are cut, covered or too near to their background.
    private static let functions = #"""
        function channels(color) { return color.match(/[\d.]+/g).map(Number) }
        function luminance(color) {
          const [r, g, b] = color.slice(0, 3).map(v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
          return 0.2126 * r + 0.7152 * g + 0.0722 * b
        }
        function background(view, element) {
          for (let at = element; at; at = at.parentElement) {
            const color = channels(view.getComputedStyle(at).backgroundColor)
            if (color.length < 4 || color[3] > 0) return color
          }
          return [255, 255, 255]
        }
        function name(element) { return element.tagName + ' ' + element.textContent.trim().slice(0, 60) }
        function isSeen(box) { return box.width > 1 && box.height > 1 }
        function measureText(frame) {
          const page = frame.contentDocument, view = frame.contentWindow, root = page.documentElement
          const width = root.clientWidth, result = {
            scene: frame.dataset.scene, width: Number(frame.width), isDark: view.matchMedia('(prefers-color-scheme: dark)').matches,
            height: root.scrollHeight, overflow: root.scrollWidth - width, cut: [], faint: [], covered: [] }
          // Text: inside of the window and of its cell, and readable.
          const walker = page.createTreeWalker(page.body, NodeFilter.SHOW_TEXT)
          const boxes = []
          for (let node = walker.nextNode(); node; node = walker.nextNode()) {
            const element = node.parentElement
            if (!node.textContent.trim() || element.closest('svg, style') || !element.checkVisibility()) continue
            const range = page.createRange()
            range.selectNodeContents(node)
            const cell = element.closest('td, th, dd, section, header, footer, main')
            const outer = cell.getBoundingClientRect(), style = view.getComputedStyle(element)
            for (const box of range.getClientRects()) {
              if (!isSeen(box)) continue
              if (box.left < -1 || box.right > width + 1) result.cut.push('window: ' + name(element))
              if (box.left < outer.left - 1 || box.right > outer.right + 1) result.cut.push(cell.tagName + ': ' + name(element))
              for (const other of boxes) {
                const across = Math.min(box.right, other.box.right) - Math.max(box.left, other.box.left)
                const down = Math.min(box.bottom, other.box.bottom) - Math.max(box.top, other.box.top)
                // Lines of one text touch each other.
                if (across > 2 && down > 6) result.covered.push(name(element) + ' | ' + name(other.element))
              }
              boxes.push({ box, element })
              if (boxes.length > 60) boxes.shift()
            }
            const [one, two] = [luminance(channels(style.color)), luminance(background(view, element))]
            const ratio = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05)
            if (ratio < 4.5) result.faint.push(ratio.toFixed(2) + ' ' + name(element))
          }
          return result
        }

        """#

    /// Writes what `measure(frame)` says of each frame, and takes the frames away.
    private static let report = #"""

        window.addEventListener('load', () => {
          const measures = [...document.querySelectorAll('iframe')].map(measure)
          const bytes = new TextEncoder().encode(JSON.stringify(measures))
          document.getElementById('measures').textContent = btoa(Array.from(bytes, byte => String.fromCharCode(byte)).join(''))
          for (const frame of document.querySelectorAll('iframe')) frame.remove()
        })
        """#
}
