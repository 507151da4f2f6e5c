/* What the executor's Python calls in the C core; only what a cffi cdef accepts may stand here. */

/* Use of one kernel or plan since the start. */
struct maf_usage {
    uint64_t runs;
    uint64_t ns;
};

struct maf_counters {
    uint64_t commands;
    uint64_t launches;
    uint64_t overrides;  /* launches that an override ran */
    uint64_t ops;
    uint64_t python_ops; /* ops that ran through the Python callback */
    uint64_t copied_bytes;
    uint64_t sleeps;     /* times the core found no command and slept */
    uint64_t busy_ns;    /* time spent in commands */
};

/* ring.c. Functions that return int give 0 or an errno value. */
int maf_core_attach(int ring_fd); /* maps the control page and the ring */
void maf_core_ready(void);
void maf_core_run(void); /* replays until MAF_CMD_EXIT or a damaged stream */
const struct maf_control *maf_core_control(void);
void maf_core_own_memory(uint64_t bytes); /* tells the client, before it is told that the core serves */

/* memory.c */
int maf_memory_map(int fd, uint64_t base, uint64_t bytes); /* a window of device or pinned memory */
int maf_memory_contains(uint64_t address, uint64_t bytes);
int maf_memory_file(uint32_t number, int fd); /* what MAF_CMD_MAP calls by that number; -1 closes it */

/* collective.c: fds are those of the ranks' device files, -1 for this application's own; they are closed. */
int maf_gang_open(uint32_t gang, uint32_t rank, int file, const int *fds, uint32_t ranks);
int maf_gang_close(uint32_t gang);

/* replay.c. Plans that Python made; ids up to maf_core_table_entries. */
uint32_t maf_core_table_entries(void);
void maf_core_set_callbacks(int (*prepare)(uint32_t kernel, uint32_t variant),
                            int (*run_op)(uint32_t plan, const uint64_t *pointers, uint32_t count, const void *scalars,
                                          uint32_t bytes));
int maf_core_set_kernel(uint32_t kernel, uint32_t variant, uint64_t address); /* of a struct maf_cpu_kernel */
/* What runs a kernel's launches unless it declines them: a maf_override_fn; name is kept, not copied. */
int maf_core_set_override(uint32_t kernel, uint64_t function, uint64_t closure, const char *name);
int maf_core_set_plan(uint32_t plan, uint64_t function, uint64_t closure, const char *name); /* name is kept, not copied */
void maf_core_kernel_usage(uint32_t kernel, struct maf_usage *out);
void maf_core_plan_usage(uint32_t plan, struct maf_usage *out);
void maf_core_get_counters(struct maf_counters *out);

/* fault.c */
int maf_fault_install(int report_fd); /* one byte is written to report_fd when a fault is about to end the process */
void maf_fault_set(uint32_t error, const char *text);
void maf_fault_compiling(const char *kernel); /* the compiler of a driver is at work in this process; NULL: no more */
