internal import Crypto
internal import GatehouseCore

/// The style of the page on which people connect their tokens: made for a phone first, in the colours of the status page. Allowed by its digest in the
/// page's policy, so nothing else on the page can bring style.
enum ConnectStyle {
    static let css: StaticString = """
        :root{color-scheme:light dark;--page:#f6f5f2;--card:#fff;--line:#e4e1da;--ink:#1d1c1a;--soft:#6b6860;--field:#fbfaf8;
        --good:#1f7a4d;--good-bg:#e2f3ea;--warn:#8a5a00;--warn-bg:#fbefd5;--bad:#b3261e;--bad-bg:#fbe4e2;--deed:#1d1c1a;--on-deed:#fff}
        @media(prefers-color-scheme:dark){:root{--page:#141414;--card:#1e1e1d;--line:#33322f;--ink:#ecebe7;--soft:#a09d95;--field:#161615;
        --good:#7fd3a5;--good-bg:#17352a;--warn:#efc26b;--warn-bg:#3a2d12;--bad:#f49a92;--bad-bg:#421c1a;--deed:#ecebe7;--on-deed:#141414}}
        *{box-sizing:border-box}
        body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
        header,main,footer{max-width:640px;margin:0 auto;padding:0 20px;overflow-wrap:anywhere}
        header{padding-top:44px;padding-bottom:22px}
        h1{font-size:27px;line-height:1.2;letter-spacing:-.02em;margin:0 0 6px}
        header p{margin:0;color:var(--soft)}
        section{background:var(--card);border:1px solid var(--line);border-radius:14px;padding:18px 20px 20px;margin:0 0 14px}
        .top{display:flex;flex-wrap:wrap;gap:4px 12px;align-items:baseline;justify-content:space-between}
        h2{font-size:18px;margin:0;letter-spacing:-.01em;min-width:0}
        h2 small{display:block;font-size:14px;font-weight:400;letter-spacing:0;color:var(--soft)}
        .pill{flex:none;padding:1px 10px;border-radius:13px;font-size:13px;font-weight:600;white-space:nowrap}
        .good{color:var(--good);background:var(--good-bg)}.warn{color:var(--warn);background:var(--warn-bg)}
        .bad{color:var(--bad);background:var(--bad-bg)}.idle{color:var(--soft);background:var(--page)}
        .notice{margin:0 0 14px;padding:12px 16px;border-radius:12px;font-weight:500}
        section p{margin:10px 0 0}.soft{color:var(--soft)}
        dl{display:grid;grid-template-columns:max-content 1fr;gap:2px 16px;margin:12px 0 0}
        dt{color:var(--soft)}dd{margin:0;min-width:0}
        .deeds{display:flex;flex-wrap:wrap;gap:10px;align-items:flex-start;margin-top:16px}
        .deeds>form,.deeds>details{margin:0}.deeds>details[open],.deeds>.wide{flex:1 1 100%}
        button,summary,.button{display:inline-block;font:inherit;font-weight:600;line-height:1.3;padding:10px 18px;border-radius:10px;border:1px solid var(--line);
        background:none;color:var(--ink);cursor:pointer;text-decoration:none}
        .deed{background:var(--deed);border-color:var(--deed);color:var(--on-deed)}
        .end{color:var(--bad)}
        button:hover,summary:hover,.button:hover{border-color:var(--soft)}
        :focus-visible{outline:3px solid var(--soft);outline-offset:2px}
        summary{list-style:none}summary::-webkit-details-marker{display:none}
        details[open]>summary{margin-bottom:10px}details p{margin:0 0 10px}
        label{display:block;margin-bottom:6px}label a{white-space:nowrap}
        a{color:inherit;text-decoration:underline;text-decoration-color:var(--soft);text-underline-offset:2px}
        .line{display:flex;flex-wrap:wrap;gap:10px}
        input[type=password]{flex:1 1 220px;min-width:0;font:inherit;padding:10px 14px;border-radius:10px;border:1px solid var(--soft);background:var(--field);color:var(--ink)}
        footer{padding-top:8px;padding-bottom:44px;color:var(--soft);font-size:14px}
        .message{padding-top:12vh}.message section{padding:26px 26px 28px}.message h1{font-size:23px}
        @media(max-width:480px){header,main,footer{padding-left:14px;padding-right:14px}header{padding-top:28px}section{padding:16px}
        .deeds>form:not(.wide),.deeds>details{flex:1 1 auto}.deeds summary{text-align:center}
        .deeds button,.deeds summary{width:100%}.line button{width:auto;flex:1 1 auto}}
        """

    /// The policy of a page in this style: it may show itself, send its forms to its own host, and nothing else. An authorization server is reached by
    /// a link and no form (see ``ConnectDeparture``), so no other host is named.
    static let fields: [(name: String, value: String)] = {
        let digest = SHA256.hash(data: Array(css.description.utf8))
        let style = String(decoding: Base64.encode(Array(digest)), as: UTF8.self)
        return [
            (
                "Content-Security-Policy",
                "default-src 'none'; style-src 'sha256-\(style)'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
            ),
            ("Referrer-Policy", "same-origin"), ("X-Frame-Options", "DENY"),
            ("Cross-Origin-Resource-Policy", "same-origin"), ("Cross-Origin-Opener-Policy", "same-origin"),
        ]
    }()

    static let type = "text/html; charset=utf-8"

    /// The beginning of a document, up to its body.
    ///
    /// - Parameter departure: the address to which the browser goes at once.
    static func begin(_ html: inout HTMLText, title: String, departure: String? = nil) {
        html.markup("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">")
        html.markup("<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">")
        if let departure {
            html.markup("<meta http-equiv=\"refresh\" content=\"0;url=")
            html.words(departure)
            html.markup("\">")
        }
        html.markup("<title>")
        html.words(title)
        html.markup("</title><style>")
        html.markup(css)
        html.markup("</style></head>")
    }
}
