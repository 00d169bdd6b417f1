/// The style of the status page. Allowed by its digest in the page's policy, so nothing else on the page can bring style.
enum StatusStyle {
    static let css: StaticString = """
        :root{color-scheme:light dark;--page:#f6f5f2;--card:#fff;--line:#e4e1da;--ink:#1d1c1a;--soft:#6b6860;--served:#3a6ea5;
        --good:#1f7a4d;--good-bg:#e2f3ea;--warn:#8a5a00;--warn-bg:#fbefd5;--bad:#b3261e;--bad-bg:#fbe4e2;--refused:#d99a2b;--failed:#c8382f}
        @media(prefers-color-scheme:dark){:root{--page:#141414;--card:#1e1e1d;--line:#33322f;--ink:#ecebe7;--soft:#a09d95;--served:#7aa7d9;
        --good:#7fd3a5;--good-bg:#17352a;--warn:#efc26b;--warn-bg:#3a2d12;--bad:#f49a92;--bad-bg:#421c1a;--refused:#d9a648;--failed:#e0635a}}
        *{box-sizing:border-box}
        body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
        main,header{max-width:1180px;margin:0 auto;padding:0 20px}
        header{display:flex;flex-wrap:wrap;gap:6px 14px;align-items:center;padding-top:26px;padding-bottom:14px}
        h1{font-size:22px;margin:0;letter-spacing:-.01em}
        header p{margin:0;color:var(--soft)}
        header p:last-child{margin-left:auto}
        h2{font-size:14px;margin:0 0 10px;font-weight:600}
        section{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:16px 18px;margin:0 0 16px;min-width:0}
        .pair{display:grid;grid-template-columns:1fr 1fr;gap:0 16px}
        .tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(130px,1fr));gap:12px;margin-bottom:14px}
        .tiles b{display:block;font-size:24px;font-weight:600;line-height:1.2;font-variant-numeric:tabular-nums}
        .tiles span{color:var(--soft);font-size:13px}
        .pill{display:inline-block;padding:1px 9px;border-radius:13px;font-size:13px;font-weight:600}
        .good{color:var(--good);background:var(--good-bg)}
        .warn{color:var(--warn);background:var(--warn-bg)}
        .bad{color:var(--bad);background:var(--bad-bg)}
        .idle{color:var(--soft);background:var(--page)}
        svg{display:block;width:100%;height:96px}
        td svg{height:26px;width:100%;min-width:110px;max-width:170px}
        rect.served{fill:var(--served)}rect.refused{fill:var(--refused)}rect.failed{fill:var(--failed)}rect.floor{fill:var(--line)}
        .legend{display:flex;flex-wrap:wrap;gap:4px 18px;color:var(--soft);font-size:13px;margin:8px 0 0}
        .legend i{display:inline-block;width:10px;height:10px;border-radius:2px;margin-right:6px}
        i.served{background:var(--served)}i.refused{background:var(--refused)}i.failed{background:var(--failed)}
        a{color:inherit;text-decoration:underline;text-decoration-color:var(--soft);text-underline-offset:2px}
        table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
        th{text-align:left;font-weight:500;color:var(--soft);font-size:13px}
        th,td{padding:6px 18px 6px 0;border-top:1px solid var(--line);vertical-align:middle;overflow-wrap:anywhere}
        thead th{border-top:0;padding-top:0;white-space:nowrap;overflow-wrap:normal}
        tr>:last-child{padding-right:0}
        .routes td:nth-child(1){min-width:190px}.routes td:nth-child(2){min-width:110px}.routes td:nth-child(3){min-width:232px}
        .routes td:nth-child(4),.routes td:nth-child(5){white-space:nowrap}.routes td:last-child{width:170px}
        .tokens td:nth-child(n+3):nth-child(-n+5){white-space:nowrap}.tokens code{overflow-wrap:normal}
        .problems{list-style:none;margin:0;padding:0;display:grid;gap:8px}
        .problems li{display:flex;gap:12px;align-items:baseline}.problems li>:last-child{min-width:0;overflow-wrap:anywhere}
        .problems .pill{flex:none;min-width:76px;text-align:center}
        code{font:13px/1.4 ui-monospace,SFMono-Regular,Menlo,monospace;overflow-wrap:anywhere}
        small{color:var(--soft);display:block;font-size:13px}
        dl{display:grid;grid-template-columns:max-content 1fr;gap:4px 18px;margin:0}
        dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
        pre{margin:10px 0 0;padding:10px 12px;border-radius:8px;background:var(--bad-bg);color:var(--bad);white-space:pre-wrap;overflow-wrap:anywhere;font:13px/1.45 ui-monospace,SFMono-Regular,Menlo,monospace}
        p.none{color:var(--soft);margin:0}
        footer{max-width:1180px;margin:0 auto;padding:4px 20px 32px;color:var(--soft);font-size:13px}
        .runbook main{max-width:820px;padding-top:26px}.runbook h2{font-size:18px;margin:34px 0 8px}
        .runbook h3{font:600 15px/1.5 ui-monospace,SFMono-Regular,Menlo,monospace;margin:22px 0 4px;scroll-margin-top:16px}.runbook h3:target{color:var(--warn)}
        .runbook p{margin:6px 0}.runbook pre{color:var(--ink);background:var(--card);border:1px solid var(--line)}
        @media(max-width:900px){
        .pair{grid-template-columns:1fr}header p:last-child{margin-left:0}main,header,footer{padding-left:12px;padding-right:12px}
        section{padding:14px}table{display:block}
        thead{display:none}tbody{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,310px),1fr));gap:0 28px}
        tr{display:block;border-top:1px solid var(--line);padding:8px 0;min-width:0}
        .routes td:nth-child(n),td{display:flex;justify-content:space-between;gap:14px;border:0;padding:3px 0;text-align:right;width:auto;min-width:0;white-space:normal}
        td::before{content:attr(data-label);color:var(--soft);font-size:13px;text-align:left;flex:none}td>*{min-width:0}
        .routes td:first-child,td:first-child{display:block;text-align:left;font-weight:600}td:first-child::before{content:none}
        td:first-child small{font-weight:400}td svg{width:60%}
        .lines tbody{display:block}.lines tr{display:flex;flex-wrap:wrap;gap:0 14px;align-items:baseline}.lines td{display:block}
        .lines td::before{margin-right:6px}.lines td:first-child::before,.lines td:nth-child(3)::before{content:none}.lines td:first-child{font-weight:400}
        .tiles{grid-template-columns:repeat(3,1fr)}.tiles span{display:block;line-height:1.3}}
        """
}
