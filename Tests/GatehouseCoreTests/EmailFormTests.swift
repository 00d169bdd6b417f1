import GatehouseCore
import Testing

@Suite("The form of an e-mail address") struct EmailFormTests {
    @Test(arguments: [
        ("Ana@Example.COM", "ana@example.com"),
        ("MÜLLER@example.de", "müller@example.de"),
        ("Mu\u{308}ller@example.de", "müller@example.de"),
        ("x@xn--mnchen-3ya.de", "x@münchen.de"),
        ("x@XN--MNCHEN-3YA.DE", "x@MÜNCHEN.de"),
        ("x@mu\u{308}nchen.de.", "x@münchen.de"),
        ("x@xn--bcher-kva.xn--mnchen-3ya.de", "x@bücher.münchen.de"),
        ("x@xn--wgv71a119e.jp", "x@日本語.jp"),
        ("x@ｍünchen。de", "x@münchen.de"),
        ("ΝΊΚΟΣ@example.gr", "νίκος@example.gr"),
        ("*@XN--MNCHEN-3YA.de", "*@münchen.de"),
        ("\u{212A}im@example.com", "kim@example.com"),
        // RFC 3492 section 7.1 (A), (E) and (L).
        ("x@xn--egbpdaj6bu4bxfgehfvwxn", "x@ليهمابتكلموشعربي؟"),
        ("x@xn--4dbcagdahymbxekheh6e0a7fei0b", "x@למההםפשוטלאמדבריםעברית"),
        ("x@xn--3b-ww4c5e180e575a65lsy2b", "x@3年b組金八先生"),
    ])
    func `is one for what people take for one address`(one: String, other: String) {
        #expect(Array(EmailForm.form(of: one).utf8) == Array(EmailForm.form(of: other).utf8))
    }

    @Test(arguments: [
        // Two people, and two domains that two people may own.
        ("weiß@example.de", "weiss@example.de"), ("x@straße.de", "x@strasse.de"), ("x@νίκος.gr", "x@νίκοσ.gr"),
        // A dotless i is no i.
        ("admın@example.com", "admin@example.com"), ("müller@example.de", "muller@example.de"),
        // A domain is no address.
        ("x@evil＠example.com", "x@evil@example.com"),
        // A local part is no host name.
        ("xn--mnchen-3ya@example.de", "münchen@example.de"), ("ana.@example.de", "ana@example.de"),
    ])
    func `tells apart who may be two`(one: String, other: String) {
        #expect(Array(EmailForm.form(of: one).utf8) != Array(EmailForm.form(of: other).utf8))
    }

    @Test(arguments: [
        "x@xn--example-.com", "x@xn--", "x@xn--.com", "x@xn--\u{1F600}.com", "x@xn--99999999999999999999999999.com",
        "x@xn--a@b-c.de", "@", "", "xn--",
        "x@xn--zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz.de",
    ])
    func `leaves what only looks like an encoded label as it is`(text: String) {
        #expect(EmailForm.form(of: text) == text.lowercased())
    }

    @Test func `is never a plain name that an encoded label hides`() {
        // The label decodes to full-width letters, which a mapping reader takes for "admin".
        #expect(EmailForm.form(of: "x@xn--mi7cgppg.com") == "x@xn--mi7cgppg.com")
    }

    @Test func `is its own form`() {
        for text in ["MÜLLER@Example.de", "ΝΊΚΟΣ@xn--mnchen-3ya.de", "İ@example.com", "ẞ@STRAẞE.de", "*@mün*.de"] {
            let form = EmailForm.form(of: text)
            #expect(Array(EmailForm.form(of: form).utf8) == Array(form.utf8))
        }
    }

    @Test func `is what a grant compares`() {
        let grant = Grant(
            users: [Glob("Müller@xn--mnchen-3ya.de")],
            serviceTokens: [],
            tools: nil,
            prompts: nil,
            resources: nil
        )
        #expect(grant.names(Principal(kind: .user, name: "MÜLLER@München.de")))
        #expect(!grant.names(Principal(kind: .user, name: "mueller@münchen.de")))
        #expect(grant.users.map(\.pattern) == ["Müller@xn--mnchen-3ya.de"])
        #expect(!grant.names(Principal(kind: .service, name: "müller@münchen.de")))
    }
}
