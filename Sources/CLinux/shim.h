#include <sys/prctl.h>

// prctl is variadic, which Swift cannot call.
static inline int gatehouse_set_dumpable(int is_dumpable) {
    return prctl(PR_SET_DUMPABLE, is_dumpable, 0, 0, 0);
}
static inline int gatehouse_get_dumpable(void) {
    return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
}
