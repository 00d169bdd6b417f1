/// The page that leads to an authorization server.
///
/// A form's answer that redirects there would be simpler, but Chromium holds each address that a form leads to, through all redirects, against
/// `form-action`, and authorization servers redirect to sign-in pages at hosts that nobody can name before. A link is not held against it.
struct ConnectDeparture {
    let url: String

    var answer: LocalAnswer {
        var html = HTMLText()
        ConnectStyle.begin(&html, title: "To the vendor", departure: url)
        html.markup(
            "<body><main class=\"message\"><section><h1>One moment</h1><p>You are taken to the vendor, to sign in "
        )
        html.markup(
            "there and to allow the access.</p><div class=\"deeds\"><a class=\"button deed\" rel=\"noreferrer\" href=\""
        )
        html.words(url)
        html.markup("\">Go on</a></div></section></main></body></html>\n")
        return LocalAnswer(type: ConnectStyle.type, body: html.text, fields: ConnectStyle.fields)
    }
}
