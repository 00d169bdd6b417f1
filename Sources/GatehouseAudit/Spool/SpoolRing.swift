internal import GatehouseCore
internal import Glibc
internal import Synchronization

/// A ring of events in a shared file mapping: one event loop writes, one writer thread reads. Its pages belong to the kernel, so the bytes before the
/// committed position outlive the process.
///
/// The file begins with a header of 64 KiB (a multiple of every page size): magic, size, mark, and the two positions, each on a
/// cache line of its own. Positions count bytes since the ring was made and never wrap. The data behind it is mapped twice in
/// a row, so that no event is ever split. The positions of the file are for recovery: this process goes by its own, which nobody who
/// can write the file can move.
///
/// A file that is truncated under the mapping loses its events, and ``isLost`` says so: see ``MappedFiles``.
///
/// `@unchecked Sendable`: the positions are atomics; the bytes between them belong to the producer or the consumer alone.
final class SpoolRing: @unchecked Sendable {
    static let headerLength = 1 << 16
    static let magic: UInt64 = 0x0200_474E_4952_4847  // "GHRING", version 2
    /// The magic of release 0.1.0, whose sums have no key.
    static let formerMagic: UInt64 = 0x0100_474E_4952_4847
    static let sizeOffset = 8
    static let markOffset = 16
    static let committedOffset = 64
    static let releasedOffset = 128

    let size: Int
    let path: String
    /// Distinguishes the frames of this ring from those of every other that was under its path.
    private let mark: SipHash.Key
    /// The key of the sums of the ring's frames.
    let key: SipHash.Key
    /// The identity of the mapped file.
    private let identity: Atomic<UInt64>
    private let base: UnsafeMutableRawPointer
    private let data: UnsafeMutableRawPointer
    private let slot: UnsafeMutablePointer<MappedFiles.Slot>
    /// This process's own positions, laid out as in the file's header.
    private let positions = UnsafeMutableRawPointer.allocate(byteCount: 192, alignment: 64)
    /// The position behind the last whole event. Stored by the producer.
    private let committed: UnsafeMutablePointer<Atomic<UInt64>>
    /// The position of the first event that is in no segment. Stored by the consumer.
    private let released: UnsafeMutablePointer<Atomic<UInt64>>
    /// Their copies in the file.
    private let committedInFile: UnsafeMutablePointer<Atomic<UInt64>>
    private let releasedInFile: UnsafeMutablePointer<Atomic<UInt64>>

    /// Makes the file, anew, with all its blocks allocated: a full disk is met here and never as SIGBUS.
    init(creating path: String, size: Int, lane: Int, writer: String, keys: RingKeys) throws(AuditError) {
        let file = try Self.file(path, size)
        let length = Self.length(size)
        guard let base = mmap(nil, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0),
            base != MAP_FAILED
        else { throw .system("map", path) }
        do throws(AuditError) {
            try Self.map(file, at: base, size)
        } catch {
            munmap(base, length)
            throw error
        }
        guard let slot = MappedFiles.add(base, length: length) else {
            munmap(base, length)
            throw AuditError(.spoolUnusable, "\(path) cannot be watched: too many files are mapped")
        }
        self.slot = slot
        var generator = SystemRandomNumberGenerator()
        mark = (generator.next(), generator.next())
        key = keys.current(RingKeys.Place(writer: writer, lane: lane, mark: mark))
        identity = Atomic(file.identity)
        self.size = size
        self.path = path
        self.base = base
        data = base + Self.headerLength
        committed = positions.advanced(by: Self.committedOffset).bindMemory(to: Atomic<UInt64>.self, capacity: 1)
        released = positions.advanced(by: Self.releasedOffset).bindMemory(to: Atomic<UInt64>.self, capacity: 1)
        committed.initialize(to: Atomic(0))
        released.initialize(to: Atomic(0))
        committedInFile = (base + Self.committedOffset).assumingMemoryBound(to: Atomic<UInt64>.self)
        releasedInFile = (base + Self.releasedOffset).assumingMemoryBound(to: Atomic<UInt64>.self)
        begin()
    }

    deinit {
        MappedFiles.remove(slot)
        munmap(base, Self.length(size))
        positions.deallocate()
    }

    private static func length(_ size: Int) -> Int { headerLength + 2 * size }

    /// Writes what the file's header says.
    private func begin() {
        (base + Self.sizeOffset).storeBytes(of: UInt64(size).littleEndian, as: UInt64.self)
        (base + Self.markOffset).storeBytes(of: mark.low.littleEndian, as: UInt64.self)
        (base + Self.markOffset + 8).storeBytes(of: mark.high.littleEndian, as: UInt64.self)
        committedInFile.pointee.store(committed.pointee.load(ordering: .relaxed), ordering: .relaxed)
        releasedInFile.pointee.store(released.pointee.load(ordering: .relaxed), ordering: .relaxed)
        base.storeBytes(of: Self.magic.littleEndian, as: UInt64.self)
    }

    /// Makes a new file: whatever stands at the path, maybe a link to somewhere else, is not written.
    private static func file(_ path: String, _ size: Int) throws(AuditError) -> Descriptor {
        guard unlink(path) == 0 || errno == ENOENT else { throw .system("delete", path) }
        let file = try Descriptor(opening: path, O_RDWR | O_CREAT | O_EXCL)
        let failure = posix_fallocate(file.number, 0, off_t(Self.headerLength + size))
        guard failure == 0 else { throw .system("allocate", path, failure) }
        return file
    }

    /// Maps header and data, and the data once more, over whatever is mapped there.
    private static func map(
        _ file: borrowing Descriptor,
        at base: UnsafeMutableRawPointer,
        _ size: Int
    ) throws(AuditError) {
        let access = PROT_READ | PROT_WRITE
        let flags = MAP_SHARED | MAP_FIXED
        guard mmap(base, headerLength + size, access, flags, file.number, 0) != MAP_FAILED,
            mmap(base + headerLength + size, size, access, flags, file.number, off_t(headerLength)) != MAP_FAILED
        else { throw .system("map", file.path) }
    }

    /// Whether the file still exists: otherwise the events in the ring end with the process. A ring whose file has another length is lost, although
    /// no access may have met that yet.
    func hasFile() -> Bool {
        var status = stat()
        guard stat(path, &status) == 0, Descriptor.identity(of: status) == identity.load(ordering: .relaxed) else {
            return false
        }
        if status.st_size != off_t(Self.headerLength + size) { lose() }
        return true
    }

    /// Whether the file was cut off, or written by another process: events that are in no segment yet cannot be read.
    @inline(__always) var isLost: Bool { slot.pointee.isLost.load(ordering: .relaxed) }

    /// Marks the ring as lost.
    func lose() { slot.pointee.isLost.store(true, ordering: .sequentiallyConsistent) }

    /// Makes the file again, with all events in the ring unless they are lost, and maps it in place of the old one. On the consumer's thread, while
    /// the producer is cut off.
    func restore() throws(AuditError) {
        let file = try Self.file(path, size)
        if isLost {
            released.pointee.store(committed.pointee.load(ordering: .acquiring), ordering: .releasing)
        } else {
            do throws(AuditError) {
                try file.write(UnsafeRawBufferPointer(start: base, count: Self.headerLength + size), at: 0)
            } catch {
                // The old file was cut off before it went.
                if error.number == EFAULT { lose() }
                throw error
            }
        }
        // A file that is cut off from here on is a loss of its own.
        slot.pointee.isLost.store(false, ordering: .sequentiallyConsistent)
        do throws(AuditError) { try Self.map(file, at: base, size) } catch {
            lose()
            throw error
        }
        begin()
        identity.store(file.identity, ordering: .relaxed)
    }

    @inline(__always) func address(_ position: UInt64) -> UnsafeMutableRawPointer {
        data + Int(truncatingIfNeeded: position & UInt64(truncatingIfNeeded: size &- 1))
    }

    @inline(__always) var committedPosition: UInt64 { committed.pointee.load(ordering: .acquiring) }
    @inline(__always) var releasedPosition: UInt64 { released.pointee.load(ordering: .acquiring) }

    /// Makes everything before `position` count. Ordered with the doorbell's flag, see ``Doorbell``.
    ///
    /// The file's copy is stored first: what the consumer sees is never beyond what recovery would find.
    @inline(__always) func commit(_ position: UInt64) {
        committedInFile.pointee.store(position, ordering: .releasing)
        committed.pointee.store(position, ordering: .sequentiallyConsistent)
    }

    /// Returns the room before `position` to the producer, which may overwrite it once recovery would not look there any more.
    func release(_ position: UInt64) {
        releasedInFile.pointee.store(position, ordering: .releasing)
        released.pointee.store(position, ordering: .releasing)
    }

    func hasEvents() -> Bool {
        committed.pointee.load(ordering: .sequentiallyConsistent) != released.pointee.load(ordering: .relaxed)
    }
}
