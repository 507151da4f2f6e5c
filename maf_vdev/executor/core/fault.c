/* Faults: what a wild kernel does must end this process alone, and tell the client why before it ends. */
#define _GNU_SOURCE
#include "core.h"
#include "cpu_launch.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

enum { SIGNAL_STACK = 64 << 10 };

static int report = -1;
static const char *volatile current_kind; /* of the replaying thread: "copy", "op" */
static const char *volatile current_name;
static volatile int replaying;
static const char *volatile compiling;

/* Text assembly with async-signal-safe means only. */
struct text {
    char bytes[MAF_FAULT_TEXT];
    size_t length;
};

static void add(struct text *t, const char *s) {
    while (*s && t->length < sizeof t->bytes - 1) t->bytes[t->length++] = *s++;
    t->bytes[t->length] = 0;
}

static void add_hex(struct text *t, uint64_t v) {
    char digits[19] = "0x", *p = digits + 2;
    int shift = 60;
    while (shift > 0 && !(v >> shift)) shift -= 4;
    for (; shift >= 0; shift -= 4) *p++ = "0123456789abcdef"[v >> shift & 15];
    *p = 0;
    add(t, digits);
}

static void print(const char *text) {
    struct text line = {.length = 0};
    add(&line, "maf-vdev: ");
    add(&line, text);
    if (line.length == sizeof line.bytes - 1) line.length--;
    line.bytes[line.length++] = '\n';
    ssize_t ignored = write(2, line.bytes, line.length);
    (void)ignored;
}

void maf_fault_set(uint32_t error, const char *text) {
    static atomic_flag taken = ATOMIC_FLAG_INIT;
    if (atomic_flag_test_and_set(&taken)) return;
    if (maf_control_page) {
        size_t n = strnlen(text, MAF_FAULT_TEXT - 1);
        memcpy(maf_control_page->fault_text, text, n);
        maf_control_page->fault_text[n] = 0;
        __atomic_store_n(&maf_control_page->fault, error, __ATOMIC_SEQ_CST);
    }
    print(text);
    maf_wake_client();
}

void maf_fault_current(const char *kind, const char *name) {
    current_kind = kind;
    current_name = name;
}

static const char *signal_text(int signal) {
    switch (signal) {
    case SIGABRT: return "abort";
    case SIGFPE: return "arithmetic fault";
    case SIGILL: return "illegal instruction";
    default: return "illegal memory access";
    }
}

static int is_write(const ucontext_t *context) {
    return (context->uc_mcontext.gregs[REG_ERR] & 2) != 0; /* bit 1 of the page-fault error code */
}

static void describe_address(struct text *t, int signal, const siginfo_t *info, const ucontext_t *context) {
    if (signal == SIGILL || signal == SIGFPE) {
        add(t, " at code address ");
        add_hex(t, (uint64_t)(uintptr_t)info->si_addr);
    } else if (info->si_code == SI_KERNEL) {
        add(t, ": address is not canonical"); /* the CPU does not report which */
    } else {
        add(t, is_write(context) ? ": write to " : ": read from ");
        add_hex(t, (uint64_t)(uintptr_t)info->si_addr);
    }
}

/* Ends the process; the Python side writes the run record first, if it answers in time. */
static void end(void) {
    if (report >= 0 && write(report, "F", 1) == 1) {
        struct timespec limit = {.tv_sec = 1};
        nanosleep(&limit, NULL);
    }
    _exit(1);
}

static void on_fault(int signal, siginfo_t *info, void *context) {
    static atomic_flag handling = ATOMIC_FLAG_INIT;
    int saved_errno = errno;
    if (signal == SIGSEGV && info->si_code == SEGV_ACCERR &&
        maf_own_fault((uint64_t)(uintptr_t)info->si_addr, is_write(context))) {
        errno = saved_errno;
        return;
    }
    const char *compiled = compiling;
    if (compiled && getpid() != (pid_t)syscall(SYS_gettid)) {
        struct text t = {.length = 0};
        add(&t, "the device's compiler crashed (");
        add(&t, signal_text(signal));
        add(&t, ") on kernel ");
        add(&t, compiled);
        maf_fault_set(MAF_ERROR_JIT, t.bytes);
        end();
    }
    if (signal == SIGABRT) { /* nobody's but the compiler's is ours */
        struct sigaction plain = {.sa_handler = SIG_DFL};
        sigaction(signal, &plain, NULL);
        errno = saved_errno;
        return;
    }
    const char *kernel = maf_cpu_current_kernel_name();
    /* Library worker threads have no kernel name: they work for the op that the replaying thread runs. The main
     * thread serves requests: its faults are the executor's own. */
    int in_op = current_kind && replaying && getpid() != (pid_t)syscall(SYS_gettid);
    if (!kernel && !in_op) {
        struct text t = {.length = 0};
        add(&t, "internal error of the executor: ");
        add(&t, signal_text(signal));
        describe_address(&t, signal, info, context);
        maf_fault_set(MAF_ERROR_UNKNOWN, t.bytes);
        struct sigaction plain = {.sa_handler = SIG_DFL};
        sigaction(signal, &plain, NULL);
        errno = saved_errno;
        return; /* the instruction faults again, now with the default action: a core dump where wanted */
    }
    if (atomic_flag_test_and_set(&handling)) /* several threads of one kernel: the first one reports */
        for (;;) pause();
    struct text t = {.length = 0};
    add(&t, signal_text(signal));
    add(&t, kernel ? " in kernel " : " in ");
    if (kernel) {
        add(&t, kernel);
    } else {
        add(&t, current_kind);
        if (current_name) {
            add(&t, " ");
            add(&t, current_name);
        }
    }
    describe_address(&t, signal, info, context);
    int memory = signal == SIGSEGV || signal == SIGBUS;
    maf_fault_set(memory ? MAF_ERROR_ILLEGAL_ADDRESS : MAF_ERROR_LAUNCH_FAILURE, t.bytes);
    end();
}

void maf_fault_thread_init(void) {
    void *p = mmap(NULL, SIGNAL_STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) return; /* the handler then runs on the faulting stack, which serves all but stack overflow */
    stack_t stack = {.ss_sp = p, .ss_size = SIGNAL_STACK};
    sigaltstack(&stack, NULL);
}

void maf_fault_replay_thread(void) { replaying = 1; }

static int install(void) {
    static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        if (sigaction(signals[i], &action, NULL)) return errno;
    return 0;
}

int maf_fault_install(int report_fd) {
    report = report_fd;
    return install();
}

/* Compilers (LLVM is in most) put their own handlers over ours. */
void maf_fault_compiling(const char *kernel) {
    compiling = kernel;
    install();
}
