internal import GatehouseCore

/// The document that describes Gatehouse as a client where the document's own address is the client's id
/// (draft-ietf-oauth-client-id-metadata-document). A public client: PKCE is its only proof.
package struct ClientDocument: Sendable {
    /// Below the place of the page.
    package static let name = "client.json"

    /// The client's id.
    package let url: String
    let redirect: String

    /// - Parameter page: the address of the page, with `/` at its end.
    package init(page: String) {
        url = page + Self.name
        redirect = page + AuthorizationRequest.callback
    }

    package var bytes: [UInt8] {
        var json = JSONText()
        json.object { json in
            json.string("client_id", url)
            json.string("client_name", ClientRegistration.name)
            json.array("redirect_uris") { $0.string(nil, redirect) }
            json.array("grant_types") { list in
                list.string(nil, "authorization_code")
                list.string(nil, "refresh_token")
            }
            json.array("response_types") { $0.string(nil, "code") }
            json.string("token_endpoint_auth_method", ClientAuthentication.none.registeredName)
        }
        return json.bytes
    }
}
