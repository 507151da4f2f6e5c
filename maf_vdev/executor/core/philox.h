/* Philox 4x32-10 (Salmon et al., SC11), as cuRAND numbers its streams. */
#ifndef MAF_PHILOX_H
#define MAF_PHILOX_H

#include <stdint.h>

/* The counter's words become the block's four random words. */
static inline void maf_philox(uint64_t key, uint32_t word[4])
{
    uint32_t c0 = word[0], c1 = word[1], c2 = word[2], c3 = word[3];
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    for (int round = 0; round < 10; round++) {
        uint64_t p = 0xD2511F53ull * c0, q = 0xCD9E8D57ull * c2;
        c0 = (uint32_t)(q >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)q;
        c2 = (uint32_t)(p >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    word[0] = c0, word[1] = c1, word[2] = c2, word[3] = c3;
}

#endif
