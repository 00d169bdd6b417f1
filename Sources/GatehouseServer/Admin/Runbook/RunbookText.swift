/// docs/OAUTH_TROUBLESHOOTING.md, put here by deploy/generate.sh.
enum RunbookText {
    static let markdown: StaticString = ##"""
        # When something is refused, or the doctor complains

        A caller receives a coarse code and a request id. The precise reason is in the audit row, the log and the metric:

        ```sh
        gatehouse audit query --request 0123456789abcdef0123456789abcdef
        gatehouse audit query --decision deny --since 1h
        gatehouse status
        gatehouse doctor
        ```

        `gatehouse call ROUTE` calls a route's upstream directly, without the proxy. With `--public-url` it also calls through Access and the tunnel, and
        says which of the two halves fails. [COMMANDS.md](COMMANDS.md) describes these commands.

        - The **status page** (`/` of the admin listener) lists what is wrong with its remedy, and the last refusals with their ids. Each reason links to its
          entry on this page, which the admin listener serves as `/runbook`.
        - **`/readyz`** has the same findings as JSON. `ready` is `true`, `"degraded"` (some route serves, and something fails) or `false`.
        - The **log** names each finding when it begins (`a problem began`), every 5 min while it lasts (a warning every hour) and once when it has ended.
        - The log has refused requests at `info` (`requests refused`) and failures of upstreams at `warning`, with the upstream's address and the error
          (`requests failed`): each second one line for each reason, route and caller, with the number of requests. Each of the two kinds has at most 32 lines a
          second; one more line gives the number of those left out.
        - The **metric** `gatehouse_requests_total{reason="…"}` counts every request.

        Every entry below says what a reason means and what to do.

        ## The request itself (400)

        ### request_malformed
        The request is HTTP that two parsers could read differently: it has two lengths, a bare line feed or a space before a colon, for example. Gatehouse
        closes the connection. cloudflared sends nothing of this kind, so somebody talks to the listener directly. Look at `client_ip` of the audit row, and
        check who can reach the address of `listen`.

        ### path_ambiguous
        The path has a dot segment, `//`, a backslash or an encoded slash. Clients do not send these; scanners do. There is nothing to do, unless the upstream
        really needs such paths: such an upstream cannot be put behind Gatehouse.

        Where a route with `protocol: http` and one with `protocol: mcp` lead to the same upstream, the first also refuses every path that the upstream could
        take for the second's: one in another case, with `;parameters`, an encoded letter, space, `?` or `#`, Unicode letters that readers fold, or a suffix
        such as `.json`.

        ### rpc_malformed
        The body is not one clear JSON-RPC message: it is no JSON, has invalid UTF-8 or has a member twice, for example. If one client causes all of them, that
        version of the client has a defect. If the service is not MCP at all, set `protocol: http` on the route. A caller whom grants limit also gets this
        reason for a message that has members besides those of JSON-RPC, because a server that is no MCP server could read them as the request.

        ### rpc_header_mismatch
        `Mcp-Method` or `Mcp-Name` came twice or contradicts the body, or an `Mcp-Param-*` field contradicts an argument on which the caller's grant has a rule. Protocol versions from 2026-07-28 on require header and body to agree; whether a header
        may be missing is the server's decision. Update the client, or the proxy in front of Gatehouse that rewrites one of the two.

        ## The caller (401)

        This command explains an assertion check by check, and sends it nowhere:

        ```sh
        gatehouse jwt explain --route coda < assertion
        ```

        ### assertion_missing
        The request has no `Cf-Access-Jwt-Assertion`, so it did not pass Access: no Access application covers this host and path, a bypass policy applies to
        them, or the request did not come through the tunnel. `gatehouse doctor --public-url https://coda.example.com` says which.

        ### assertion_duplicate
        The header came twice, or with a comma in it. Access sends one, so somebody tried to add a second. Check what stands between Cloudflare and Gatehouse.

        ### assertion_malformed
        The assertion is no JWT in strict form, or its payload names no usable principal: it has neither `email` nor `common_name`, or both. `gatehouse jwt explain`
        says which.

        ### assertion_algorithm
        The assertion is signed with another algorithm than RS256, or has a `crit` header. Access signs with RS256, so this assertion is not from Access.

        ### assertion_key_unknown
        No key of the key set has this `kid`, also after the set was fetched again. Usually the team is wrong: compare `access.team` with the issuer of the token.
        An unknown `kid` has the set fetched again, so a sudden key rotation needs no action. Three unknown ids may cause a fetch at once, and further ones one a
        minute: while somebody floods the proxy with made-up ids, a real rotation takes up to a minute.

        ### assertion_signature
        The key is known, and the signature does not fit: the assertion was changed on its way. If it happens to all callers, a proxy rewrites the header.

        ### assertion_type
        The token is one of Access that is no sign-in (its `type` is not `app`). Gatehouse refuses it on purpose; there is nothing to do.

        ### assertion_issuer
        The assertion is from another team. `gatehouse jwt explain` shows its `iss`: compare that with `access.team` or `access.issuer`.

        ### assertion_audience
        The assertion is for another Access application. Copy the AUD tag of the application that covers this host and path into the route's `audience`. A path
        of the same host often has an application of its own.

        ### assertion_expired
        The assertion has expired. If one caller is affected, their session has ended and they sign in again. If all are, the clock of this machine is wrong:
        see [doctor-clock](#doctor-clock).

        ### assertion_not_yet_valid
        `iat` or `nbf` lies in the future by more than `access.clock_skew`. The clock of this machine is behind: set it by NTP.

        ### assertion_too_old
        The assertion has not expired, and is older than `access.max_token_age`. The caller signs in again. If this happens too often, raise `max_token_age` or
        shorten the session of the Access application.

        ### assertion_denied
        The principal is on one of the lists of `access.deny`. Addresses are compared without regard to case, and a domain in `xn--` form equals the same in
        Unicode. Groups are compared exactly. This is intended, unless a pattern covers too much:

        ```sh
        gatehouse explain --route coda --email ada@example.com
        ```

        ### identity_refused
        Groups and claims are fetched (`access.identity`), and the identity endpoint speaks against the caller's assertion: it answers 401 or 403 to it, because the
        session behind it has ended or was revoked, or its answer has another `email` or `sub` than the assertion. What was known of the sign-in before is dropped, and
        its streams end. The caller signs in anew. If everybody gets this, `access.identity.url` is not the endpoint of the issuer; the log's `the identity endpoint
        speaks against an assertion` says which of the two it is. `on_failure: assertion` does not help here.

        ### bearer_unknown
        The break-glass credential does not exist, was mistyped, or was revoked.

        ```sh
        gatehouse bearer list
        ```

        ### bearer_expired
        The break-glass credential has ended. Issue another one if Access is still out.

        ## What the caller may do (403, and JSON-RPC errors in a 200)

        ### principal_denied
        No entry of the route's `allow` names the caller; `gatehouse explain` lists the entries. An entry with `groups` or `claims` names only a caller whose
        assertion lists them (`access.groups` says where groups stand); `explain --group G --claim k=v` asks with some. Access leaves large claims out of an assertion, and
        what is not there matches nothing: `access.identity` fetches them. A caller whom the entries limit to some tools, prompts or
        resources also gets this reason for a GET whose `Accept` does not name `text/event-stream`, and for a websocket, because grants cannot be applied to
        what follows. A break-glass credential gets it on a route that it was not issued for.

        ### websocket_denied
        The client asked for a websocket on a route whose answers are searched for the injected token. What passes in a websocket is not looked at. MCP does not use
        them. Where clients need one, and the upstream does not repeat the header fields that it gets, `guard: { websockets: pass }` on the route lets them pass.

        ### claim_missing
        The route injects a claim (`{claim:custom.department}`), and the caller's assertion does not have it, or not in a form that one header field can carry: it is no text
        and no list of texts, has white space at its ends, has over 4 KiB, or is a list with a comma in one of its texts. Service tokens have no claims of a person, and
        break-glass credentials have none at all. `gatehouse jwt explain` lists the claims of an assertion. Access takes custom claims from the identity provider where its
        settings name them.

        ### origin_denied
        The browser's `Origin` is not the route's host: a web page of another site tried to use somebody's session. If the page is yours, serve it from the
        route's host, or add its origin to `cors.origins` of the route.

        ### tool_denied
        The caller may use the route, but not this tool. The client received a JSON-RPC error with code 4030.

        ```console
        $ gatehouse explain --route coda --email ada@example.com --tool delete_doc
        deny: allow entry 1 names the principal and does not cover the target (tool_denied)
          1. { users: [*@example.com], tools: [list_*] }
        guard: redact, websockets are refused
        ```

        ### prompt_denied
        The caller may use the route, but not this prompt; `prompts` of the grant lists those that the caller may use. As `tool_denied` otherwise.

        ### resource_denied
        The caller may use the route, but not this resource; `resources` of the grant lists the URIs that the caller may read. As `tool_denied` otherwise.

        A caller limited by `resources` also gets it for a URI that parsers could read differently (with dot segments, `//`, upper case in the scheme, a default
        port, `%2F`, a blank, `ü` for `%C3%BC`, or a user before the host): the upstream could read it as one that the grant does not list. `explain` says which
        of the two it is. Have the client write the URI as the server lists it.

        ### arguments_denied
        The caller may use the tool, but not with these arguments: `arguments` of the grant's entry says which must be there and what they may be, and `only: true`
        denies all others. The client received a JSON-RPC error with code 4030, whose `data.argument` names the argument by its path and never its value.

        ```console
        $ gatehouse explain --route coda --service-token rows.access --tool create_row --arguments '{"docId":"XyZ"}'
        deny: allow entry 2 covers the tool, and not this call's argument docId (arguments_denied)
          2. { service_tokens: [rows.access], tools: [{ name: create_row, arguments: { docId: [AbC*] } }] }
        guard: redact, websockets are refused
        ```

        An argument that is missing, null, empty or of another type than the rule is denied, and so is one that readers could take for different ones: a name that
        stands twice or in another spelling (`docid`, `doc_id`), a number with an exponent or more than 15 digits, `-0`, half a surrogate pair, a NUL. A pattern with
        a slash and a `*` matches no text with a dot segment in it. A ruled text has at most 8 KiB, a ruled array at most 1,024 elements. Where the arguments are
        recorded (`audit.arguments: record`), the row has the value.

        ### tool_unapproved
        The route has a `pin`, and the tool is not the one that was approved: it was never approved, or its upstream lists it with another title, description,
        annotations or schema now. Lists withhold it. The client received a JSON-RPC error with code 4030. Look at what changed before you approve it: a description is
        read by models, and may tell them to do something else with what they have.

        ```sh
        gatehouse pins list coda
        gatehouse pins diff coda
        gatehouse pins approve coda list_docs
        ```

        `diff` shows what a person would not see (characters of no width, turned text, the block of tags) as escapes. A running instance goes by an approval within two seconds.
        A tool that `pins list` does not have was in no list that Gatehouse has seen, or in a form that two readers could take for different tools (a member that stands
        twice or in another case, a name with unseen characters, a definition over 128 KiB, more than 1,000 tools): the log says `list entries that cannot be read were withheld`.
        Right after a start with an empty store everything is denied until the upstream has told its tools: `gatehouse pins refresh coda` says why it does not.

        ### target_malformed
        The caller is limited in tools, prompts or resources, and the call names none, names one of over 8 KiB, or is nested deeper than 512 levels, so that
        nothing can be compared with the grants. Mostly a model has made up a call. The client received JSON-RPC error -32602 with the call's id, as a server
        would send it, and its session goes on. The same call by a caller without limits goes to the server.

        ### batch_denied
        This reason is in the audit only. The caller may make this call, but it came in a batch in which another call was denied, and a batch passes whole or not
        at all. The rows of the same request say which call and why; `rpc_position` is its place in the batch: `gatehouse audit query --request ID`.

        ### task_unknown
        The call names a task that this caller was not given: it is another person's, was made before the instance keys changed, or is made up. The client received
        JSON-RPC error -32602, as for a task that the server has forgotten. The audit's `target` is the task's id as the upstream knows it. Two people cannot
        share a task: each of them makes their own.

        ### request_state_unknown
        The call continues one (by `requestState`, protocol version 2026-07-28) that this caller did not begin, or that began with another tool, prompt or
        resource. The client received JSON-RPC error -32602 and begins the call again.

        ### tasks_list_denied
        `tasks/list` would return the tasks of all callers, because they share the route's token. The client received JSON-RPC error -32601, as from a server
        without the method. Clients keep the ids of their own tasks.

        ## Nothing there (404, 405)

        ### method_denied
        The method is `TRACE`, `TRACK` or `CONNECT`, which no route forwards: a server answers `TRACE` with the headers that it received, among them the token.
        On a route with `protocol: mcp` it is any method but GET, HEAD, POST, DELETE and OPTIONS. MCP uses no others; a REST API on the same host needs a route of
        its own with `protocol: http`.

        ### path_denied
        There are two cases:

        - The route lists its endpoints in `mcp.paths`, and the path is none of them. Compare the list with the part of the path behind the route's `path`.
          `paths` match whole segments, and `/` is the route's `path` itself.
        - The route lists none, a grant limits the caller, and the request is a POST or DELETE to a path where Gatehouse expects no MCP: a REST API there would
          act whatever the body says. Add the endpoint to the route: `mcp: { paths: [/rpc] }`. Without the list Gatehouse expects MCP at the route's `path` itself,
          below a first segment with the word `mcp` (`/mcp`, `/mcp_server/…`) and at a last segment `mcp` or `sse`; with a session of the legacy
          transport also at `/messages`, `/message` and the path that an `endpoint` event has named.

        ### route_unknown
        No route has this host and path. Compare the tunnel's public host with `host` of the routes, and the path with their `path`, which matches whole
        segments.

        ### session_unknown
        The MCP session id is another caller's, is made up, or is unknown to the upstream. Several servers answer 401 for a session that they have forgotten:
        a 401 to a request that names a session therefore becomes this reason (`upstream_status` in the audit row). A limited caller also gets it for a DELETE
        that names no session. Clients start a new session by themselves. If it happens to all callers after a restart, the instance keys have changed: keep the
        master keys and the spool's folder.

        ## Too much (413, 414, 431, 429)

        ### body_incomplete
        The client went away or stalled before the body of its MCP request was complete. Gatehouse decided nothing and forwarded nothing. A few of these are
        clients that were stopped. Many from one principal with `ended` = `timeout` mean a network that loses large requests, or somebody who holds bodies back on
        purpose: a body has to be complete within `limits.body_timeout`, or arrive at 8 KiB a second or more.

        ### body_too_large
        The body is larger than the route's `limits.body`. Raise the limit if calls of this size are legitimate.

        ### target_too_long
        Path and query are longer than 8 KiB. No known client needs that.

        ### headers_too_large
        The request has more than 100 headers, or more than 32 KiB of them. Usually these are cookies of other applications on the same domain.

        ### rate_limited
        One principal sent more requests than the route's `limits.rate`. The answer says when to try again (`Retry-After`). An agent that loops shows up in
        `gatehouse audit query --reason rate_limited`.

        ## The upstream (502, 504)

        ### upstream_unreachable
        Gatehouse could not connect to the upstream within `timeouts.connect`. The log has the address and the error:
        `upstream=http://coda:8080 error=connect: Connection refused`. Is the container up, is it on a network with Gatehouse, and does `upstream` name its port?
        A name that the resolver does not know, such as a stopped container's, fails with this reason too. While the resolver does not answer, Gatehouse uses its
        last answer for a minute.

        A certificate that does not verify has the same reason; `gatehouse doctor` says why it does not. For a certificate authority of your own, name its
        file (`ca`). For a server whose certificate has another name than the one in `upstream`, give that name (`server_name`). After a change of the file, reload:

        ```yaml
        upstream: https://mcp.internal:8443
        upstream_tls: { ca: /etc/gatehouse/ca.pem, server_name: mcp.example.com }
        ```

        An upstream behind an Access application of its own answers 302 or 403 to requests without a service token. Put the two halves of one into the store and
        inject them: `inject: { CF-Access-Client-Id: "{token:mcp-id}", CF-Access-Client-Secret: "{token:mcp-secret}" }`.

        ### upstream_reset
        The upstream closed the connection before its answer was complete. Its own log says why; often it ran out of memory.

        ### upstream_malformed
        The upstream's answer is not HTTP that Gatehouse can pass on. Does `upstream` name the right port and the right scheme?

        ### upstream_error
        The upstream answered with a 5xx status. The client received that answer as it is, or a JSON-RPC error instead where it waited for the answer to a call
        and the body was neither JSON nor an event stream. The server's own log says why: look there for the request id, which the server receives as
        `X-Request-Id`.

        ### upstream_not_mcp
        A caller whom grants limit sent a GET, HEAD or OPTIONS, and the upstream answered with something else than an event stream; or a POST, and it answered 2xx
        with neither `application/json` nor an event stream. Grants cannot be applied to such an answer, so Gatehouse withheld it. Either somebody requests paths
        beside the server's endpoint, which `mcp: { paths: [/mcp] }` closes, or the server sends its streams without `Content-Type: text/event-stream` and does not
        conform to MCP.

        ### secret_reflected
        The upstream gave back a token that Gatehouse injects: it echoes header fields, shows them on an error page, or has a tool that tells them. No caller received
        it: `guard: { reflection: redact }` put `[redacted]***` of its length in its place, and the status is the upstream's; `block` answered 502, or cut an answer that had
        begun. The row's target says which call it was; on a route of `protocol: http` its path does. The rows of a batch all have this reason, because its messages
        have one answer.

        ```sh
        gatehouse audit query --reason secret_reflected --route coda
        ```

        Have the server not tell it: switch its debug pages and its header echo off, or deny the tool. A caller who asks for it again and again wants the
        token. If the route's guard was off before, callers may have it: rotate it. A server whose answers must hold the token (one that hands it out on purpose)
        needs `guard: { reflection: off }` on its route. A token that an ordinary text could hold, such as a word, is found in ordinary answers: have a random one
        made.

        ### upstream_encoded
        The upstream compressed its answer although Gatehouse asks for `identity`, and nothing can be looked for in such an answer. Switch compression off at the
        server, or on the proxy before it. Where that cannot be done, `guard: { reflection: off }` lets such answers pass, and whatever is in them.

        ### upstream_credential_rejected
        The upstream answered 401 to the token that Gatehouse injected. The caller did nothing wrong. The token was revoked or has ended:

        ```sh
        gatehouse token show coda
        gatehouse token rotate coda < new-token
        ```

        Gatehouse uses the new token within seconds, without a restart. With `auto_revert` and a `probe` on the route, the log says whether the probe accepts the
        token. If it does, the 401 concerns the caller's request and not the token, or the route's `inject` names the wrong header or form.

        ### upstream_timeout
        The upstream did not answer within `timeouts.response`. Raise it for tools that take longer, or have the server answer with an event stream.

        ## Gatehouse itself (503)

        ### keys_unavailable
        Gatehouse has no keys to verify assertions with: it has never reached the certs URL, or not within `access.keys_max_stale`. A request that finds the keys
        expired, as after a machine slept for days, triggers a fetch and waits for it; if that fails, the next such fetch comes a minute later. See
        [doctor-certs](#doctor-certs).

        ### identity_unavailable
        The route, or a deny list, asks for groups or claims that are fetched (`access.identity`), and they cannot be had: the identity endpoint is down, does not answer
        in 5 s, answers another status than 200, over 512 KiB, a redirect or no strict JSON object; or too many are being fetched (8 at once, 256 wait, 4 of one
        person). The same sign-in is asked about again after 5 s. Sign-ins whose last answer is not older than `access.identity.max_stale` go on. Callers who need no groups
        are not concerned, unless `access.deny` lists groups. See [doctor-identity](#doctor-identity).

        ### denials_unavailable
        Since its start the instance could not read whom operators deny by `gatehouse deny`, and a caller could be one of them: nobody is let in by an assertion
        until it has. Once they were read, the last known entries hold while the database is down, and this is not answered. Callers with a break-glass credential
        are not concerned. See [doctor-denials](#doctor-denials).

        ### token_unavailable
        A token that the route injects is not in the live store, or the store has been down for longer than `store_max_stale`. See
        [doctor-store](#doctor-store) and [doctor-token](#doctor-token).

        ### token_missing
        The route's token is personal (`per: person`), and the caller has connected none. Nothing is wrong: the caller got the address of the page on which the
        account is connected (`https://HOST/.gatehouse/`), as JSON-RPC error 4010, as an elicitation where the client opens addresses, and as 403 on a route of
        `protocol: http`. A service token has no page: `gatehouse token set NAME --owner ID.access`. A break-glass credential can have none.

        ### token_needs_connecting
        The caller's own token is not taken any more: it was revoked at the vendor, its refresh token has expired or was used twice, or the upstream answered 401
        to a token that nothing renews. The caller connects it again on the page (`https://HOST/.gatehouse/`). If many people get this at once, the vendor has
        changed something: see the log's `a personal token needs connecting`.

        ### audit_unavailable
        The request's event could not be recorded, and `audit.on_failure` is `deny`. The spool's disk is full, read-only or gone, or the spool has reached
        `audit.max_spool` because the sink takes nothing: see [doctor-spool](#doctor-spool) and [doctor-audit-sink](#doctor-audit-sink).

        ### overloaded
        There are two cases:

        - More clients are connected than `limits.connections`, or than there are descriptors for; in the second case the log says at the start
          `fewer connections fit than limits.connections allows`. If the clients are legitimate, raise `limits.connections` and the hard limit of open files
          (`LimitNOFILE=`, `ulimits: { nofile: … }`; `serve` raises the soft limit by itself): each connection takes two descriptors, and 256 more are reserved.
          If not, find out who opens them.
        - On an MCP route, an event loop holds too many incomplete request bodies: at most 64 MiB in all, and 8 MiB of one principal unless it is a single body.
          A name that is in the audit rows again and again sends many large requests slowly.

        ### draining
        The instance was told to stop and finishes the requests that it has. This is normal during an update. If it lasts, no new instance was started.

        ## What the doctor says

        ```sh
        gatehouse doctor --json
        ```

        The exit code is 1 if a line says `FAIL`, and 0 otherwise. The doctor creates no file, table or database, also as root. Run it as the user that runs
        Gatehouse.

        ### doctor-configuration
        The configuration file has errors, or others may write it. The doctor examines the parts that can be read. *Replaced outside*: the file itself, and not its
        folder, is mounted into the container, and an editor or a deployment replaced it. The mount still shows the old file, and no reload sees the new one.
        Mount the folder (`./conf:/etc/gatehouse`) and start the container again. *Refused* or *held*: see [doctor-admin](#doctor-admin).

        ### doctor-authorities
        `SSL_CERT_FILE` names the file of the certificate authorities that this process trusts for all its connections, to Access and to upstreams. The file cannot
        be read. Mount it, or unset the variable to trust the authorities of the system.

        ### doctor-certs
        The signing keys cannot be fetched, or the server that answers is not Access. Check the team's name, and whether DNS and firewall let Gatehouse out. The
        last keys that were fetched stay valid for `keys_max_stale`, also across a restart.

        ### doctor-identity
        The identity endpoint (`access.identity.url`, by default `ISSUER/cdn-cgi/access/get-identity`) cannot be asked, or what answers there is not Access. Check the
        team's name, and whether DNS and firewall let Gatehouse out. `doctor` asks without an assertion, which Access answers with a 4xx. The running instance reports the
        last failure for five minutes, or until an answer comes. Known sign-ins go on with their last answer for `access.identity.max_stale`; new ones get 503,
        or with `on_failure: assertion` what their assertion says. The metric is `gatehouse_identity_fetches_total`, by result.

        ### doctor-clock
        The clock of this machine differs from the certs server's (by the `Date` of its answers, with every fetch of the keys) or from that of the audit's or the
        token store's database. By more than `clock_skew` from the certs server is a `FAIL`, and `/readyz` says `degraded`: valid assertions are refused as
        expired or not yet valid, and expired ones are accepted. More than half of it, or a database that differs, is a warning. The metric
        `gatehouse_clock_skew_seconds` is positive when this machine is ahead; a step of its clock shows within a second. Set the clock by NTP; if only a database
        differs, set the clock of its machine. While a difference exceeds five minutes, the audit's retention deletes nothing.

        ### doctor-master-key
        A master key of a sealed store cannot be read. Is the secret mounted, and is the variable set for this user? If no copy of the key is left, the tokens
        are lost: set them again under a new key.

        ### doctor-secrets
        A file that holds a secret is missing, unreadable or open to others: give it mode 0400 and the owner that the line names. Or the file itself was mounted and
        then replaced: mount its folder. If others could write the file, replace the secret, too.

        ### doctor-store
        The live store cannot be read. Gatehouse uses the last tokens that it read for `store_max_stale`. *Was removed or renamed*: somebody removed the store's file
        while it was in use. Put it back or restore a backup; Gatehouse does not create another one. *Was replaced* (shown for ten minutes): another file is at
        the path now, and Gatehouse opened it. *Belongs to uid*: the file's owner is another user than the one that runs Gatehouse. To go back to the store that was
        used before, name it in `store:` and reload.

        ### doctor-token
        A token that a route injects is missing, cannot be decrypted, has ended or ends within two weeks. Set or rotate it:

        ```sh
        gatehouse token list
        gatehouse token set coda < token-file
        ```

        ### doctor-renewal
        A token that renews itself (`tokens: { NAME: { renew: … } }`) has no value, or will soon have none. `gatehouse token show NAME` says its state:

        - `needs_connecting`: the server gives nothing for it any more. A refresh token was revoked, has expired, or was shown twice (an instance that was killed in the
          middle of a renewal; a database that was put back from a backup): connect the account anew and `gatehouse token set NAME` with the new refresh token. For a GitHub App
          the installation is gone or suspended; for a client the server refuses it. Both are asked again every 5 minutes, so nothing is to be done here once that is put right.
        - `waits_for_seed`: nobody has set the first refresh token: `gatehouse token set NAME`.
        - `failing`: the server is down, refuses the client (`invalid_client`: its secret), or does not know the app's key. It is tried again, at last every 5 minutes; the token that
          there is serves to its end, and then requests are 503 `token_unavailable`.
        - `obtaining` for longer than a few seconds: another instance holds the lease and was killed; it is tried again within 30 s.

        ### doctor-pins
        A route with a `pin` has tools that wait for an operator, or its pins are not known.

        - *tools are withheld until they are approved*: `gatehouse pins diff ROUTE`, then `gatehouse pins approve ROUTE TOOL` or `gatehouse pins reject ROUTE TOOL`. See
          [tool_unapproved](#tool_unapproved).
        - *its upstream does not tell its tools*: Gatehouse asks at its start, every `refresh` and when the upstream says that its list has changed, with the injected token, and
          could not. What was seen last counts; a change is seen when a caller lists. `gatehouse call ROUTE --list` says where it fails.
        - *were changed outside Gatehouse*: somebody wrote to the store's tables. Nothing of that route is approved until the store is restored from a backup, or
          `gatehouse pins forget ROUTE` has destroyed what is there and the tools are approved anew.

        ### doctor-denials
        The entries of `gatehouse deny` stand in the store that `state` names (by default the live one, when it is of kind sqlite or postgres), and cannot be read.

        - *the last known hold*: who is denied stays so. A new entry counts once the store can be read: the line says why it cannot. Until then deny in the file
          (`access.deny`) and reload each instance.
        - *nobody is let in by an assertion until they are*: the instance has started without the database. Requests are 503 `denials_unavailable`. Bring the
          database back; when that takes long, name another store as `state`, put the entries that you know under `access.deny`, and start again.
        - *were changed outside Gatehouse*: somebody wrote to the store's tables. Restore the store from a backup, or run `gatehouse deny remove --all` and add the
          entries anew: the audit has each as `deny_add` and `deny_remove`.

        ### doctor-fleet
        The instances whose `state` is one PostgreSQL tell each other every two seconds that they are there: `gatehouse status` and the status page show them, with
        version and configuration.

        - *instances run another configuration*, for a minute already: a file was changed on one machine and not on another, or `gatehouse reload` refused or holds it
          there (`gatehouse status` on that machine says so). The digest is of the file as it is written, so files that differ only in a comment differ.
        - *the other instances cannot be asked*: the database is down, or its tables are missing: `gatehouse store init` as their owner, and grant what
          [MIGRATION.md](MIGRATION.md) lists. Everything else goes on; a rate with `rate_scope: fleet` is each instance's own meanwhile.
        - *rows that no instance wrote*, in `status`: somebody else writes to the table, or instances have other master keys. They are not shown, and take nothing down.

        ### doctor-credential
        The vendor refused the stored token when the route's `probe` tried it: the token is not valid any more. Rotate it. Any other unexpected status is a warning
        only, because the vendor may be down.

        ### doctor-audit-sink
        The sink does not take events. They wait in the spool, and nothing is lost while the spool has room (`audit.max_spool`). [AUDIT.md](AUDIT.md) explains
        each word, such as `sink_replaced` or `writer_duplicated`.

        ### doctor-spool
        The spool cannot keep events, or soon cannot. Free disk space, or make the user that runs Gatehouse the owner of the folder. The folder must survive
        restarts and belong to this instance alone. A spool that is *full* has reached `audit.max_spool`: repair the sink, or raise the limit.

        ### doctor-telemetry
        The collector (`telemetry.otlp`) does not take spans or metrics. Requests are served all the same, and what is dropped is counted in `gatehouse_telemetry_spans_total`. Check that the collector
        runs, that a name and a network lead to it from here, and that its receiver speaks OTLP over HTTP, on port 4318 in most cases: 404 says that no receiver stands at the path, 415 that it takes no
        JSON, 401 or 403 that it asks for credentials, which are not sent. See [TELEMETRY.md](TELEMETRY.md).

        ### doctor-upstream
        The MCP server accepts no connection from here, or more than 5 % of the running instance's requests to it failed in the last 5 min. The line has the
        address and the error. See [upstream_unreachable](#upstream_unreachable).

        ### doctor-exposure
        Other machines or containers may reach the MCP server without passing Gatehouse, and it authenticates nobody. Put the server on a network that only
        Gatehouse shares, on loopback or on a unix socket, and publish none of its ports. With Podman, containers of one network reach those of another by
        address unless both networks have `isolate`, as in the compose files here.

        ### doctor-open-files
        The hard limit of open files lets fewer connections in than `limits.connections` allows: each takes two. Set `LimitNOFILE=` in the unit or
        `ulimits: { nofile: … }` for the container, or lower `limits.connections`.

        ### doctor-listener
        Another program uses the port, or machines other than cloudflared's can reach the listener; whoever does still needs an assertion. Gatehouse never takes a
        unix socket from a process that listens on it: `another process listens there` is mostly a second instance with the same configuration. If a second
        instance is intended, for a restart without a gap, both need `reuse_port: true`.

        ### doctor-admin
        Other machines can reach the admin listener, its port is taken, no instance runs, or the running instance is not ready and the line says what is missing. A
        unix socket of the admin listener has mode 0660: its users must belong to its group.

        *Refused* or *held* means that the file on disk is not in force. `gatehouse reload` reads it again and prints every error, what would change, and who
        would gain access.

        ```sh
        gatehouse reload
        gatehouse reload --yes
        ```

        A file is *held* when it widens access and looks incomplete: it does not end with a line end, is a beginning of the file before or less than half of it, or a
        route has lost its `allow`. It comes into force once it has not changed for 10 s. With `reload: { widening: confirm }`, every file that widens access waits
        for `--yes`. The log has each gain of access as a warning.

        A metrics scraper that receives 421 uses a host name that the admin listener does not know: add the name to `admin_hosts`.

        ### doctor-public-url
        The doctor requests the public URL without signing in. `FAIL` means that Access does not protect this host, or that the tunnel does not lead to Gatehouse.

        ### doctor-sign-in
        The doctor follows the steps by which an MCP client signs in. A redirect (302) to Access's sign-in page is for browsers, and no MCP client follows it: turn
        on *Managed OAuth* in the Access application (Advanced settings). Access then answers 401 with `WWW-Authenticate: Bearer`, which leads to the metadata of
        the protected resource (RFC 9728) and from there to that of the authorization server (RFC 8414). The line names the document that is missing or incomplete.
        An upstream that serves `/.well-known/oauth-*` itself interferes: see
        [DEPRECATION_NOTICES](DEPRECATION_NOTICES.md).

        ### doctor-stream
        The doctor opens an event stream at the public URL and waits for the first bytes. If nothing arrives, something between Cloudflare and Gatehouse buffers: a
        second proxy, a cache rule or a transform rule. Without a service token in the environment the doctor skips this.

        ## An MCP server answers 421, or "Invalid Host header"

        The server accepts only requests whose `Host` is its public name. SDKs turn this protection against DNS rebinding on by default. Gatehouse sends the
        upstream's own authority as `Host`. Set `preserve_host: true` on the route, so that the server receives the public host, or add the upstream's authority to
        the allowed hosts of the server.
        """##
}
