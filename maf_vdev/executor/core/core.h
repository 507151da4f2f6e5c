/* The executor's C core: replays the command stream that the client writes, without Python in the steady state.
 *
 * Python registers what it planned (kernels per launch variant, ops); a command whose plan is missing calls
 * back into Python once. One thread runs maf_core_run for the life of the process. */
#ifndef MAF_CORE_H
#define MAF_CORE_H

#include <stddef.h>
#include <stdint.h>

#include "protocol.h"

#include "core_api.h"
#include "cpu_pause.h"

enum {
    MAF_OK = 0, /* cudaError_t values */
    MAF_ERROR_INVALID_VALUE = 1,
    MAF_ERROR_JIT = 218,
    MAF_ERROR_ILLEGAL_ADDRESS = 700,
    MAF_ERROR_LAUNCH_FAILURE = 719,
    MAF_ERROR_UNKNOWN = 999
};

enum { MAF_KERNEL_VARIANTS = 4 };

uint64_t maf_now(void); /* CLOCK_MONOTONIC, nanoseconds */

/* ring.c */
extern struct maf_control *maf_control_page;
void maf_wake_client(void); /* every thread of the client that waits */
void maf_host_function_post(uint64_t fn, uint64_t arg); /* the client runs a callback; one at a time */
int maf_host_function_returned(void); /* the one posted last */
void maf_publish(void); /* progress */

/* pending.c */
extern uint32_t maf_pending_count; /* commands that wait or are set aside */
void maf_pending_take(const struct maf_command *command); /* runs it or sets it aside */
int maf_pending_advance(void); /* runs what can run now; 1 when something moved */
int maf_pending_full(void); /* the ring has to wait */
int maf_pending_polls(void); /* some command waits for a word of memory */
uint64_t maf_pending_oldest(void); /* sequence number of the first; there is one */

/* replay.c: runs one command. An error becomes the context's sticky error; commands after it are skipped. */
void maf_replay(const struct maf_command *command);
void maf_replay_waited(const struct maf_command *command, uint64_t began); /* a command that took time elsewhere is done */
int maf_replay_wants_exit(void);
void maf_replay_count_sleep(void);

/* memory.c: 0 or a cudaError_t value, which is then already the sticky error */
int maf_memory_copy(const struct maf_cmd_copy *c);
int maf_memory_copy2d(const struct maf_cmd_copy2d *c);
int maf_memory_write(const struct maf_cmd_write *c, const void *payload);
int maf_memory_fill(const struct maf_cmd_fill *c);
int maf_memory_protect(const struct maf_cmd_protect *c);
int maf_memory_place(const struct maf_cmd_map *c);
int maf_memory_signal(const struct maf_cmd_signal *c);

uint64_t maf_memory_base(void); /* of the device window */
uint64_t maf_memory_device_bytes(void);
int maf_memory_is_device(uint64_t address);
/* Sets the fault for an address that is not in `memory`, and returns its code. */
int maf_memory_outside(const char *what, uint64_t address, uint64_t bytes, const char *memory);

/* own_memory.c: the same commands for device memory that the host does not share; and whether a fault was one of its
 * own, which is then served. */
int maf_own_copy(const struct maf_cmd_copy *c);
int maf_own_copy2d(const struct maf_cmd_copy2d *c);
int maf_own_fill(const struct maf_cmd_fill *c);
int maf_own_signal(const struct maf_cmd_signal *c);
int maf_own_fault(uint64_t address, int write);

/* collective.c */
int maf_collective(const struct maf_cmd_collective *c);

/* fault.c. maf_fault_set makes an error sticky: it stores fault_text, prints it on stderr and wakes the client; the
 * first one wins. */
void maf_fault_thread_init(void); /* alternate signal stack for the calling thread; call once per thread */
void maf_fault_replay_thread(void); /* the calling thread is the one that replays */
void maf_fault_current(const char *kind, const char *name); /* the running command; NULL: none, or Python's own code */

#endif
