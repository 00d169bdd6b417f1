#include <sys/prctl.h>

// prctl is variadic, which Swift cannot call.
static inline int gatehouse_set_dumpable(int is_dumpable) {
    return prctl(PR_SET_DUMPABLE, is_dumpable, 0, 0, 0);
}
static inline int gatehouse_get_dumpable(void) {
    return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
}
static inline int gatehouse_name_thread(const char *name) {
    return prctl(PR_SET_NAME, name, 0, 0, 0);
}

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

// struct epoll_event is packed and holds a union, which Swift does not read: these put it together and take it apart.
static inline int gatehouse_epoll_control(int epoll, int operation, int descriptor, unsigned int events,
                                          unsigned long long key) {
    struct epoll_event event = {.events = events, .data = {.u64 = key}};
    return epoll_ctl(epoll, operation, descriptor, &event);
}
static inline unsigned long gatehouse_epoll_event_size(void) { return sizeof(struct epoll_event); }
static inline int gatehouse_epoll_wait(int epoll, void *events, int capacity, int milliseconds) {
    return epoll_wait(epoll, events, capacity, milliseconds);
}
static inline unsigned int gatehouse_epoll_events(const void *events, long index) {
    return ((const struct epoll_event *)events)[index].events;
}
static inline unsigned long long gatehouse_epoll_key(const void *events, long index) {
    return ((const struct epoll_event *)events)[index].data.u64;
}
static const unsigned int gatehouse_epoll_in = EPOLLIN;
static const unsigned int gatehouse_epoll_out = EPOLLOUT;
static const unsigned int gatehouse_epoll_error = EPOLLERR;
static const unsigned int gatehouse_epoll_hangup = EPOLLHUP;
static const unsigned int gatehouse_epoll_read_hangup = EPOLLRDHUP;
static const unsigned int gatehouse_epoll_edge = EPOLLET;

// The flags are both enumerators and macros, which Swift reads as neither.
static inline int gatehouse_stream_socket(int family) {
    return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}
// Declared for _GNU_SOURCE only.
static inline int gatehouse_accept(int listener) {
    extern int accept4(int, struct sockaddr *, socklen_t *, int);
    return accept4(listener, 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

/// Two connected unix sockets, non-blocking and closed on exec; 0, or -1 with errno.
static inline int gatehouse_socketpair(int pair[2]) {
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair);
}

#include <fcntl.h>
#include <spawn.h>

// Both declared for _GNU_SOURCE only.

/// A pipe that is closed on exec: its reading end, its writing end; 0, or -1 with errno.
static inline int gatehouse_pipe(int ends[2]) {
    extern int pipe2(int *, int);
    return pipe2(ends, O_CLOEXEC);
}
/// Has a program that is started get no descriptor from this one on.
static inline int gatehouse_close_from(posix_spawn_file_actions_t *actions, int first) {
    extern int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *, int);
    return posix_spawn_file_actions_addclosefrom_np(actions, first);
}

/// Exchanges two names at once; declared for _GNU_SOURCE only.
static inline int gatehouse_exchange(const char *one, const char *other) {
    extern int renameat2(int, const char *, int, const char *, unsigned int);
    return renameat2(AT_FDCWD, one, AT_FDCWD, other, 2 /* RENAME_EXCHANGE */);
}

#include <linux/filter.h>

// Has the kernel give new connections to one of the sockets that share a listener's port, by its position: the order in which they began,
// where the last one moves up to the place of one that has closed (socket(7), SO_ATTACH_REUSEPORT_CBPF). Where none has that position, any gets them.
static inline int gatehouse_steer(int listener, unsigned int position) {
    struct sock_filter code[] = {{BPF_RET | BPF_K, 0, 0, position}};
    struct sock_fprog program = {1, code};
    return setsockopt(listener, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof program);
}

#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>

// Has the resolver of the calling thread wait so many seconds for each try at a name server, or less where resolv.conf(5) says so.
static inline void gatehouse_limit_resolver(int seconds) {
    if (res_init() == 0 && _res.retrans > seconds) _res.retrans = seconds;
}
// Declared for _GNU_SOURCE only: EAI_NODATA.
static const int gatehouse_no_address = -5;

#include <pthread.h>

// Declared for _GNU_SOURCE only.
static inline int gatehouse_join(pthread_t thread, const struct timespec *deadline) {
    extern int pthread_timedjoin_np(pthread_t, void **, const struct timespec *);
    return pthread_timedjoin_np(thread, 0, deadline);
}

// Puts the calling thread into a network namespace of its own; declared for _GNU_SOURCE only.
static inline int gatehouse_leave_network(void) {
    extern int unshare(int);
    return unshare(0x40000000 /* CLONE_NEWNET */);
}
