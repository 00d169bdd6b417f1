/// docs/OAUTH_TROUBLESHOOTING.md, put here by deploy/generate.sh.
enum RunbookText {
    static let markdown: StaticString = ##"""
        # When something is refused, or the doctor complains

        A caller sees a coarse code and a request id. The precise reason is in the audit row, the log and the metric:

        ```sh
        gatehouse audit query --request 0123456789abcdef0123456789abcdef
        gatehouse audit query --decision deny --since 1h
        gatehouse status
        gatehouse doctor
        ```

        `gatehouse call ROUTE` asks a route's upstream without Gatehouse in between, and with `--public-url` the whole way too: it says which half
        fails. [COMMANDS.md](COMMANDS.md) has more of both.

        The status page (`/` of the admin listener) says what is wrong, with its remedy, and lists the last refusals with their ids; each reason there is a
        link to its entry here, which `/runbook` serves. `/readyz` has the same findings as JSON: `ready` is `true`, `"degraded"` (some route serves, and something
        fails) or `false`. The log says each finding when it begins (`a problem began`), every 5 min while it lasts (warnings every hour) and once when it has
        ended. The log has refused requests at `info`: each second one line for each reason, route and caller, with their number (`requests refused`). Failures
        behind Gatehouse are logged at `warning`, with the upstream's address and the error (`requests failed`). Each of the two kinds has at most 32 lines a second; the
        number of further ones follows in one line. The metric `gatehouse_requests_total{reason="…"}` counts all of them.
        Every entry below says what it means, and what to do. A test holds this page to the reasons and probes that there are.

        ## The request itself (400)

        ### request_malformed
        HTTP that two parsers could read differently: two lengths, a bare line feed, a space before a colon. The connection is closed. cloudflared
        sends none of this: somebody speaks to the listener directly. Look at `client_ip` of the row, and at who can reach `listen`.

        ### path_ambiguous
        A dot segment, `//`, a backslash or an encoded slash in the path. Clients do not send these; a scanner does. Nothing to do, unless the
        upstream really needs such paths: then it cannot be put behind Gatehouse. On a route of `protocol: http` beside one of `mcp` to the same
        upstream also a path that the upstream could take for the gated one: in another case, with `;parameters`, an encoded letter, space, `?` or `#`, letters of Unicode that readers fold, or a suffix like `.json`.

        ### rpc_malformed
        A body that is not one clear JSON-RPC message: invalid UTF-8, a member given twice, no JSON. If one client causes all of them, its
        version has a defect; if the service is not MCP at all, the route wants `protocol: http`. A caller whom grants limit also gets
        it for a message with members beside those of JSON-RPC, because a server that is no MCP server could read those as the request.

        ### rpc_header_mismatch
        `Mcp-Method` or `Mcp-Name` came twice, or says something else than the body. Protocol versions from 2026-07-28 on require them to agree; the server
        decides about a missing one. Update the client, or the proxy between it and Gatehouse that rewrites one of them.

        ## The caller (401)

        Look into an assertion, step by step, without sending it anywhere:

        ```sh
        gatehouse jwt explain --route coda < assertion
        ```

        ### assertion_missing
        No `Cf-Access-Jwt-Assertion`. The request did not pass Access: no Access application covers this host and path, a bypass policy does, or the
        request came past the tunnel. `gatehouse doctor --public-url https://coda.example.com` tells which.

        ### assertion_duplicate
        The field came twice, or with a comma. Access sends one; somebody tried to add another. Look at what stands between the edge and Gatehouse.

        ### assertion_malformed
        Not a JWT in strict form, or a payload without a usable principal: neither `email` nor `common_name`, or both. Look at it with `jwt explain`.

        ### assertion_algorithm
        Signed by another algorithm than RS256, or with a `crit` header. Access signs RS256: this is not from Access.

        ### assertion_key_unknown
        No key of the set has this `kid`, also after fetching it anew. Usually the wrong team: compare `access.team` with the issuer of the token.
        After a sudden key rotation the first assertion with the new key has the set fetched anew. Three ids that nobody knows may do so at once, then one
        a minute: while somebody floods made-up ids, a real rotation is seen within a minute.

        ### assertion_signature
        The key is known and the signature is not its own: the token was changed on the way. If it happens to everybody, a proxy rewrites the field.

        ### assertion_type
        A token of Access that is not a sign-in (`type` is not `app`), such as edge metadata. Nothing to do: it is refused on purpose.

        ### assertion_issuer
        From another team. Compare `access.team` (or `issuer`) with the token's `iss` by `jwt explain`.

        ### assertion_audience
        For another application. Copy the AUD tag of the Access application that covers this host and path into the route's `audience`; a path of
        its own often means an application of its own.

        ### assertion_expired
        Its time is over. One caller: the session ended, signing in again helps. Everybody: the clock is wrong, see `gatehouse doctor`.

        ### assertion_not_yet_valid
        `iat` or `nbf` lies in the future beyond `access.clock_skew`. The clock here is behind: set it by NTP.

        ### assertion_too_old
        Older than `access.max_token_age`, though not expired. Signing in again helps; if it happens too often, raise the one or shorten the
        session of the Access application.

        ### assertion_denied
        The principal is on one of the lists of `access.deny`. Addresses are compared without case, in Unicode, `xn--` domains as what they stand for.
        Intended, unless a pattern is too wide:

        ```sh
        gatehouse explain --route coda --email ada@example.com
        ```

        ### bearer_unknown
        A break-glass credential that does not exist, was revoked, or is not for this route.

        ```sh
        gatehouse bearer list
        ```

        ### bearer_expired
        A break-glass credential whose time is over. Issue another one if Access is still out.

        ## What the caller may do (403, and JSON-RPC errors in a 200)

        ### principal_denied
        No entry of the route's `allow` names the caller. `gatehouse explain` says which entries there are. A caller whom the entries limit to some
        tools, prompts or resources gets it, too, for a GET that does not ask for `text/event-stream` by name, and for a websocket: neither is a
        call that grants could be asked about.

        ### origin_denied
        A browser's `Origin` that is not one of the route's hosts: a web page elsewhere tried to use somebody's session. If the page is yours, serve
        it from the route's host.

        ### tool_denied
        The caller may use the route and not this tool. The client got a JSON-RPC error with code 4030.

        ```console
        $ gatehouse explain --route coda --email ada@example.com --tool delete_doc
        deny: allow entry 1 names the principal and does not cover the target (tool_denied)
          1. { users: [*@example.com], tools: [list_*] }
        ```

        ### prompt_denied
        As `tool_denied`, for a prompt; `prompts` of the grant lists those that the caller may use.

        ### resource_denied
        As `tool_denied`, for a resource; `resources` of the grant lists the URIs that the caller may read. Also a URI that is not written as every
        reader would write it (dot segments, `//`, upper case in a scheme, a default port, `%2F`, a blank, `ü` for `%C3%BC`, a user before the host):
        the upstream could read it as one that the grant does not list. `explain` says which of the two it is. Have the client write the URI as the
        server lists it; whom no `resources` limit, nothing is refused.

        ### target_malformed
        A call by somebody whom `allow` limits in this kind, which names no tool, prompt or resource, one of over 8 KiB, or is nested deeper than 512
        levels: nothing that could be compared with the grants. Mostly a model that made up a call. The client got the JSON-RPC error -32602
        with the call's id, as from a server, and its session goes on; the same call by somebody whom nothing limits is left to the server.

        ### batch_denied
        In the audit alone: the caller might have made this call, and it went down with its batch, in which another call was denied. The rows of the same
        request, by `rpc_position`, say which one and why: `gatehouse audit query --request ID`.

        ### task_unknown
        A call named a task that this caller was not given: another person's, one from before the instance keys changed, or a made-up one. The call
        gets JSON-RPC error -32602, as for a task that the server has forgotten. The audit's `target` is the task's id as the upstream knows it. A
        client that shares a task between two people must have each of them make their own.

        ### request_state_unknown
        A call went on (2026-07-28, `requestState`) that this caller did not begin, or that was begun with another tool, prompt or resource. Error -32602; the
        client begins the call anew.

        ### tasks_list_denied
        `tasks/list` would answer with everybody's tasks, because all callers share the route's token. Error -32601, as from a server without the
        method. Clients keep the ids of their own tasks.

        ## Nothing there (404, 405)

        ### method_denied
        `TRACE`, `TRACK` or `CONNECT`, which no route forwards: a server answers `TRACE` with the fields that it got, the token among them. Or, on a
        route of `protocol: mcp`, another method than GET, HEAD, POST, DELETE and OPTIONS. MCP has no use for those; a REST API behind the same host
        needs a route of `protocol: http`.

        ### path_denied
        The route names its endpoints in `mcp.paths`, and the path is none of them. Compare it with what is left of the path behind the route's
        `path`: `paths` match on whole segments, and `/` is the route's `path` alone.

        Or it names none, a grant limits the caller, and the request is a POST or DELETE where no server is expected to speak MCP: a REST API there
        would do something whatever the body says. Name the endpoint: `mcp: { paths: [/rpc] }`. Taken for endpoints are the route's `path`
        itself, all below a first segment with the word `mcp` (`/mcp`, `/mcp_server/…`), a last segment `mcp` or `sse`, and with a session
        of the legacy transport `/messages`, `/message` and what an `endpoint` event has told.

        ### route_unknown
        No route has this host and path. Compare the tunnel's public host with `host`, and the path with `path`, which matches whole segments.

        ### session_unknown
        An MCP session id that is not this caller's, was made up, or whose upstream has forgotten it. A DELETE by a caller with limits that names no
        session is one, too, and so is a request that names one and is answered 401 by the upstream (`upstream_status` in its row): several servers say so of a
        session that they have forgotten. Clients start a new session by themselves. If
        it happens to everybody after a restart, the instance keys have changed: keep the master keys, and the spool's directory.

        ## Too much (413, 414, 431, 429)

        ### body_incomplete
        The client went away, or stalled, before the body of its MCP request was whole: nothing was decided and nothing forwarded, and nobody was
        told. Single ones are clients that were stopped. Many from one principal with `ended` = `timeout` are a network that loses large requests,
        or somebody who holds bodies back on purpose: `limits.body_timeout` ends them, and 8 KiB a second is the least that a body may bring then.

        ### body_too_large
        Larger than the route's `limits.body`. Raise it if such calls are meant to be.

        ### target_too_long
        A path and query over 8 KiB. No known client needs that.

        ### headers_too_large
        More than 100 fields or 32 KiB. Usually cookies of other applications on the same domain.

        ### rate_limited
        More requests than the route's `limits.rate` by one principal. The answer says when to come back. An agent in a loop shows in
        `gatehouse audit query --reason rate_limited`.

        ## The upstream (502, 504)

        ### upstream_unreachable
        The log has the address and the error: `upstream=http://coda:8080 error=connect: Connection refused`.
        No connection within `timeouts.connect`. Is the container up, on a network with Gatehouse, and does `upstream` name its port? A name that the
        resolver does not know, such as a stopped container's, fails here too, after as long as the resolver takes to say so. While a resolver does
        not answer, the last answer serves for a minute.

        A certificate that does not verify is one, too; `gatehouse doctor` says why. For an authority of your own name its file, for a server that is
        reached under another name than its certificate's that name, and reload after the file has changed:

        ```yaml
        upstream: https://mcp.internal:8443
        upstream_tls: { ca: /etc/gatehouse/ca.pem, server_name: mcp.example.com }
        ```

        An upstream that stands behind Access itself answers 302 or 403 to everybody without a service token. Put its two halves into the store and inject
        them: `inject: { CF-Access-Client-Id: "{token:mcp-id}", CF-Access-Client-Secret: "{token:mcp-secret}" }`.

        ### upstream_reset
        It closed the connection before its answer was complete. Its log says why; it often ran out of memory.

        ### upstream_malformed
        Its answer is not HTTP that may be passed on. Does `upstream` name the right port, and the right scheme?

        A 421 that the upstream gives and Gatehouse passes on comes from a server that admits its public name only: `preserve_host: true` on the
        route sends it.

        ### upstream_error
        It answered with a 5xx. The client got that answer as it is, or a JSON-RPC error in its place where a call waited and the answer was none. The
        server's log says why: look there for the request id, which it got as `X-Request-Id`.

        ### upstream_not_mcp
        A caller whom grants limit asked with GET, HEAD or OPTIONS for an event stream, and the upstream gave something else, which could be
        anything: it was withheld. Somebody is looking at paths beside the server's endpoint, which `mcp: { paths: [/mcp] }` closes; or the server
        answers a stream without `Content-Type: text/event-stream`, and then it does not speak MCP. The same for a POST that is answered 2xx with
        neither `application/json` nor an event stream.

        ### upstream_credential_rejected
        It answered 401 to the token that Gatehouse injected. The caller did nothing wrong. The token was revoked or has ended:

        ```sh
        gatehouse token show coda
        gatehouse token rotate coda < new-token
        ```

        The new one is used within seconds, without a restart. With `auto_revert` and a `probe` on the route, the log says whether the probe finds the
        token good: then the 401 is about the caller's request, not about the token. If the token is good, the route's `inject` names the wrong header or form.

        ### upstream_timeout
        No answer within `timeouts.response`. Raise it for tools that take longer, or have the server stream.

        ## Gatehouse itself (503)

        ### keys_unavailable
        There are no keys to verify with: the certs URL was never reached, or not for `access.keys_max_stale`. A request that finds the keys expired, as after
        a machine slept for days, has them fetched and waits for that; when it fails, the next such fetch comes after a minute. See [doctor-certs](#doctor-certs).

        ### token_unavailable
        A token that the route injects is not in the live store, or the store was down for longer than `store_max_stale`. See
        [doctor-store](#doctor-store) and [doctor-token](#doctor-token).

        ### audit_unavailable
        The event could not be recorded, and `audit.on_failure` is `deny`. The spool's disk is full, read-only or gone: see
        [doctor-spool](#doctor-spool).

        ### overloaded
        More connections than `limits.connections`, or than descriptors are left for: the log then says at start `fewer connections fit than
        limits.connections allows`. If they are real, raise it and the hard limit of open files (`LimitNOFILE=`, `ulimits: { nofile: … }`; `serve` raises the
        soft one by itself): two for each connection and 256 more. If not, look at who opens them.
        Or, on an MCP route, more of request bodies that are not whole yet than an event loop holds: 64 MiB in all, and 8 MiB of one principal
        unless it is a single body. One name that stands in the rows again and again sends many large requests slowly.

        Or, on an MCP route, more of request bodies that are not whole yet than an event loop holds: 64 MiB in all, and 8 MiB of one principal
        unless it is a single body. One name that stands in the rows again and again sends many large requests slowly.

        ### draining
        The instance was told to stop and finishes what it has. During an update this is all; if it lasts, nothing has started the next one.

        ## What the doctor says

        ```sh
        gatehouse doctor --json
        ```

        Lines that are `ok` or `warn` leave the exit code 0. The doctor makes no file, table or database, also as root; run it as the user that serves.

        ### doctor-configuration
        The configuration file has errors, or others may write it. Parts that cannot be read are not looked at; the rest is. *Replaced outside*: it was mounted
        alone, and an editor or a deployment put a new file in the place of the old one. The mount goes on showing the old one, and no reload sees the new:
        mount the folder that it lies in (`./conf:/etc/gatehouse`) and start the container again. *Refused* or *held*: as under [doctor-admin](#doctor-admin).

        ### doctor-authorities
        `SSL_CERT_FILE` names the certificate authorities that this process trusts for everything, Access and upstreams included, and cannot be read. Mount
        the file, or unset the variable to trust the system's.

        ### doctor-certs
        The signing keys cannot be fetched, or what answers is not Access. Check the team's name and the way out (DNS, firewall). Until
        `keys_max_stale` the last good keys serve, also across a restart.

        ### doctor-clock
        This machine's clock against the certs server's `Date`, read with every fetch of the keys, and against the clocks of the databases of audit and tokens. A step of
        this machine's clock shows within a second. Beyond `clock_skew` good assertions are refused as expired or not yet valid, and expired ones are taken: `FAIL`,
        and `/readyz` says `degraded`. Half of it, and a database that disagrees, is a warning. `gatehouse_clock_skew_seconds` has the number, positive when
        this machine is ahead. Set the clock by NTP; where only a database disagrees, set its clock. While they are five minutes apart or more nothing is pruned.

        ### doctor-master-key
        A key that a sealed store needs cannot be read. Is the secret mounted, and is the variable set for this user? Without any copy of the
        key the tokens are lost: set them anew.

        ### doctor-secrets
        A file that holds a secret is missing, unreadable, open to others, or was replaced behind a mount of the file alone: mount its folder. `chmod 0400` and the right owner. A file that others could write is no
        secret any more: replace what it holds.

        ### doctor-store
        The live store cannot be read. Last-good tokens serve for `store_max_stale`. *Was removed or renamed*: its file was taken away while it was in use; put it back, or restore
        a backup. No other is made in its place. *Was replaced*, for ten minutes: another file has the path since then, and was opened. Going back is one line of the configuration:
        `store:` names the store before.

        ### doctor-token
        A token that a route injects is missing, cannot be opened, or ends soon. Set or rotate it:

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

        ### doctor-credential
        The route's `probe` was refused with the token that is in the store: it is not good any more. Rotate it. Another status than the expected one
        warns only: the vendor may be down.

        ### doctor-audit-sink
        Events cannot be brought to where they are kept. Nothing is lost while the spool has room.

        ### doctor-spool
        Events cannot be kept, or soon cannot. Make room or chown the directory; it must survive restarts and belong to this instance alone.

        ### doctor-upstream
        The MCP server takes no connection from here, or a running instance's requests of the last 5 min fail: all of them, or over 5 %. The line says where and
        why. As [upstream_unreachable](#upstream_unreachable).

        ### doctor-exposure
        Others may reach the MCP server past Gatehouse, where nobody is asked anything. Put it on a network that only Gatehouse shares, or on
        loopback or a unix socket; publish no port of it. Podman lets one network's containers reach another's by address unless both are made with
        `isolate`, as in the compose files here.

        ### doctor-open-files
        The hard limit of open files lets fewer connections in than `limits.connections` allows: each takes two. Set `LimitNOFILE=` in the unit or
        `ulimits: { nofile: … }` for the container, or lower `limits.connections`.

        ### doctor-listener
        Another program has the port, or the listener is open to more machines than cloudflared's. Who reaches it still needs an assertion. A unix socket
        that a process listens on is never taken from it: `another process listens there` is mostly a second instance with the same file. Where that is meant, to
        restart without a gap, both instances need `reuse_port: true`.

        ### doctor-admin
        The admin listener is open to other machines, the port is taken, no instance runs, or the one that runs is not ready and says what is missing. Its unix socket
        has mode 0660, as `listen` has: whoever asks it belongs to its group.

        A file on disk that is not in force: `gatehouse reload` has it read again and says every error, what would change, and who could do more.

        ```sh
        gatehouse reload
        gatehouse reload --yes
        ```

        It is *held* when it widens access and may be half of a file (no line end at its end, the beginning of the one before or less than half of it, a
        route that lost its `allow`): it is taken once it has been the same for 10 s. Under `reload: { widening: confirm }` every such file waits for `--yes`. The log says each
        difference as a warning.

        A scraper that is answered 421 asks by a name that the listener does not know: put it into `admin_hosts`.

        ### doctor-public-url
        What the world sees without signing in. `FAIL` here means that Access does not stand before this host, or that the tunnel leads past Gatehouse.

        ### doctor-sign-in
        Whether an MCP client that nobody has signed in yet finds its way. A redirect (302) to Access's page is for browsers; no MCP client follows it:
        turn on *Managed OAuth* in the Access application (Advanced settings). With it Access answers 401 with `WWW-Authenticate: Bearer`, which leads to
        the protected resource's metadata (RFC 9728) and that to the authorization server's (RFC 8414). The line names the document that is missing or
        lacks something. An upstream that serves `/.well-known/oauth-*` of its own gets in the way: see
        [DEPRECATION_NOTICES](DEPRECATION_NOTICES.md).

        ### doctor-stream
        Whether an event stream comes through as it is made. If nothing comes, something between buffers: a second proxy, a cache rule, a
        transform. Without a service token in the environment this is not looked at.

        ## An MCP server answers 421, or "Invalid Host header"

        The server admits only requests for its public host, a guard against DNS rebinding that SDKs turn on by default. Gatehouse sends the upstream's own authority as `Host`. Set
        `preserve_host: true` on the route, so that the server sees the public host, or list the upstream's authority among the server's allowed hosts.
        """##
}
