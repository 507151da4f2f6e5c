/* One BLAS or LAPACK routine over a batch, by its Fortran interface: every argument is an address. Replayed by the core
 * without Python, the batch spread over the launch pool.
 * Only what a cffi cdef accepts may stand here.
 */

/* Where an argument's address comes from. */
enum maf_fortran_place {
    MAF_FORTRAN_CONSTANT = 0, /* value: the address itself, or a letter's hidden length */
    MAF_FORTRAN_OPERAND = 1,  /* value: operand number */
    MAF_FORTRAN_SCRATCH = 2,  /* value: offset in the thread's scratch memory */
    MAF_FORTRAN_SCALAR = 3    /* value: 0 alpha, 1 beta */
};
enum maf_fortran_size { MAF_FORTRAN_ARGUMENTS = 26, MAF_FORTRAN_OPERANDS = 7 };

struct maf_fortran_argument {
    int64_t place;
    int64_t value;
};

struct maf_fortran {
    void *function; /* returns nothing */
    struct maf_fortran_argument arguments[26]; /* the rest is zero: a callee does not see what it does not name */
    int64_t batch;
    int64_t stride[7];   /* bytes from one problem's operand to the next */
    int64_t is_array[7]; /* the operand is an array of `batch` addresses */
    int64_t scratch_bytes;
    int64_t grain; /* problems worth a task */
    /* Before the call: a matrix copied from one operand to another, unless they are the same. */
    int64_t copies;
    int64_t copy_from;
    int64_t copy_to;
    int64_t copy_bytes; /* of a column */
    int64_t copy_columns;
    int64_t copy_ld_from; /* bytes */
    int64_t copy_ld_to;
    /* alpha and beta: maf_dtype in host doubles or in device memory, and as the routine takes them. */
    int64_t scalars_on_device;
    int64_t alpha_type;
    int64_t beta_type;
    int64_t single; /* the routine takes float parts, else double */
    /* LAPACK */
    int64_t info;     /* operand number of info, -1: none */
    int64_t pivots;   /* operand number of the pivots, -1: none */
    int64_t pivot_count;
    int64_t pivots_wide;    /* they are 64-bit; the routine's 32-bit ones are at the scratch memory's start */
    int64_t pivots_written; /* else read */
    void *identity; /* pivots where the caller has none; NULL: factor without exchanges (getrf of type, m x n) */
    int64_t type;
    int64_t m;
    int64_t n;
    int64_t lda;
    /* Singular values: with a value in a that is not finite, w (`least` reals) becomes NaN and info least + 1, as of an
     * iteration that does not converge. */
    int64_t checks;
    int64_t least;
    /* V^H, `turned` x n, is at that offset of the scratch memory; v takes V. 0: none. */
    int64_t turned;
    int64_t turned_at;
    int64_t turned_ld;
    /* Real and imaginary parts of n eigenvalues, at these offsets. w takes 1: complex numbers, 2: one after the other. */
    int64_t joined;
    int64_t real_at;
    int64_t imaginary_at;
};

/* ptrs and scalars as protocol.h says for maf_op_blas and maf_op_lapack. Returns 0 or a cudaError_t value. */
int maf_fortran_run(void *closure, const uint64_t *ptrs, const void *scalars);
