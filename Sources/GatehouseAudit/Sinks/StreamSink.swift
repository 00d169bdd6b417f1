internal import GatehouseCore
internal import Glibc

/// Writes events as JSON lines to a file descriptor: `sink: stdout`.
///
/// Lines cannot be taken back, so a crash between the write and the spool's cursor repeats some: readers go by `event_id`.
package final class StreamSink: AuditSink {
    private let descriptor: Int32

    /// - Parameter descriptor: stays the caller's.
    package init(_ descriptor: Int32 = STDOUT_FILENO) { self.descriptor = descriptor }

    package func deliver(_ batch: AuditBatch) throws(AuditError) {
        var lines: [UInt8] = []
        for record in batch.records {
            guard let event = record.decoded(writer: batch.writer) else { continue }
            lines += event.json.utf8
            lines.append(0x0A)
        }
        for head in batch.heads {
            var json = JSONText()
            json.object { $0.string("audit_head", head.description) }
            lines += json.bytes
            lines.append(0x0A)
        }
        var done = 0
        while done < lines.count {
            let count = lines.withUnsafeBytes { write(descriptor, $0.baseAddress! + done, $0.count - done) }
            if count > 0 {
                done += count
            } else if count < 0, errno == EAGAIN {
                // A pipe that somebody made non-blocking: wait for its reader.
                var readiness = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                poll(&readiness, 1, 1000)
            } else if errno != EINTR {
                throw .system("write", "standard output", code: .sinkFailed)
            }
        }
    }
}
