/// The parts of a layout's measurement that all pages share. Each page stands in a frame of its width; the script of the document around them measures.
enum PageLayout {
    /// `measureText(frame)` says how far the content goes beyond the window, and which texts are cut, covered or too near to their background.
    static let functions = #"""
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
    static let report = #"""

        window.addEventListener('load', () => {
          const measures = [...document.querySelectorAll('iframe')].map(measure)
          const bytes = new TextEncoder().encode(JSON.stringify(measures))
          document.getElementById('measures').textContent = btoa(Array.from(bytes, byte => String.fromCharCode(byte)).join(''))
          for (const frame of document.querySelectorAll('iframe')) frame.remove()
        })
        """#
}
