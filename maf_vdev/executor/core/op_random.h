/* Random numbers, replayed by the core without Python.
 * Only what a cffi cdef accepts may stand here.
 */

struct maf_random {
    int64_t generator; /* as in maf_op_random, like the fields after it */
    int64_t lanes;
    int64_t distribution;
    int64_t type;
};

/* MAF_RANDOM_GENERATE; ptrs and scalars as protocol.h says. Returns 0 or a cudaError_t value. */
int maf_random_run(void *closure, const uint64_t *ptrs, const void *scalars);
