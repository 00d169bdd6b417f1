#include <stddef.h>
#include <stdint.h>
#include <string.h>

// The processor's own CRC-32C, which Swift has no name for. Both expect the sum complemented and return it so.

#if defined(__x86_64__)
static inline int gatehouse_has_crc32c(void) {
    return __builtin_cpu_supports("sse4.2") != 0;
}
__attribute__((target("sse4.2")))
static inline uint32_t gatehouse_crc32c(uint32_t crc, const void *bytes, size_t count) {
    const uint8_t *place = (const uint8_t *)bytes;
    uint64_t sum = crc;
    for (; count >= 8; count -= 8, place += 8) {
        uint64_t word;
        memcpy(&word, place, 8);
        sum = __builtin_ia32_crc32di(sum, word);
    }
    for (; count > 0; count--, place++) sum = __builtin_ia32_crc32qi((uint32_t)sum, *place);
    return (uint32_t)sum;
}
#elif defined(__aarch64__)
#include <sys/auxv.h>
static inline int gatehouse_has_crc32c(void) {
    return (getauxval(AT_HWCAP) & (1 << 7)) != 0;  // HWCAP_CRC32
}
__attribute__((target("crc")))
static inline uint32_t gatehouse_crc32c(uint32_t crc, const void *bytes, size_t count) {
    const uint8_t *place = (const uint8_t *)bytes;
    for (; count >= 8; count -= 8, place += 8) {
        uint64_t word;
        memcpy(&word, place, 8);
        crc = __builtin_arm_crc32cd(crc, word);
    }
    for (; count > 0; count--, place++) crc = __builtin_arm_crc32cb(crc, *place);
    return crc;
}
#else
static inline int gatehouse_has_crc32c(void) { return 0; }
static inline uint32_t gatehouse_crc32c(uint32_t crc, const void *bytes, size_t count) { return crc; }
#endif
