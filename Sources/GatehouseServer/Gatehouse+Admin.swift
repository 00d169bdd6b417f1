internal import GatehouseCore
internal import Synchronization

/// The admin listener's answers. `/healthz` says that the process answers and touches nothing; every other page needs a `Host` that is this
/// machine's, and requests that change something need the key of the run file.
extension Gatehouse {
    func page(_ request: AdminServer.Request) async -> AdminServer.Page? {
        let isPOST = request.method == "POST"
        if request.path == "/healthz" { return isPOST ? Self.notAllowed : AdminServer.Page(body: "ok\n") }
        // Without a `Host` it is no web page that asks, but a balancer's check (HTTP/1.0) of what is not shown to people.
        let isCheck = request.host == nil && ["/readyz", "/metrics"].contains(request.path)
        guard isCheck || adminHost.admits(request.host) else {
            return AdminServer.Page(
                status: .misdirectedRequest,
                body: "this is told under an address, localhost or a name in `admin_hosts`, not under this one\n"
            )
        }
        switch (isPOST, request.path) {
        case (false, "/"): return await statusPage()
        case (false, StatusForm.json.path): return await status(.json)
        case (false, StatusForm.text.path): return await status(.text)
        case (false, StatusForm.markdown.path): return await status(.markdown)
        case (false, RunbookPage.path): return RunbookPage.page
        case (false, "/readyz"):
            let readiness = await readiness()
            return AdminServer.Page(
                status: readiness.isReady ? .ok : .serviceUnavailable,
                type: "application/json",
                body: readiness.json.text + "\n"
            )
        case (false, "/metrics"):
            return AdminServer.Page(type: "text/plain; version=0.0.4; charset=utf-8", body: await metrics().text)
        case (true, AdminPaths.reload): return await reload(request, isConfirmed: false)
        case (true, AdminPaths.confirmedReload): return await reload(request, isConfirmed: true)
        case (true, _), (false, AdminPaths.reload), (false, AdminPaths.confirmedReload): return Self.notAllowed
        case _: return nil
        }
    }

    private func reload(_ request: AdminServer.Request, isConfirmed: Bool) async -> AdminServer.Page {
        guard let path, runFile.opens(request.runKey) else {
            return AdminServer.Page(status: .forbidden, body: "`gatehouse reload` has the key for this\n")
        }
        let outcome = await reload(path: path, isConfirmed: isConfirmed)
        return AdminServer.Page(type: "application/json", body: outcome.json.text + "\n")
    }

    private static var notAllowed: AdminServer.Page {
        AdminServer.Page(status: .methodNotAllowed, body: "this is not served by this method\n")
    }
}
