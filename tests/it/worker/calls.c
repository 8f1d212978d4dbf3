/* Tries to change how a process runs. Arguments: the number of a process, which is its group's, too, and of a user without processes;
   two zeros for this process itself. Prints each call with what the system said. */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static void tell(const char *call, long answer) {
    const char *said = answer >= 0 ? "done" : errno == EPERM ? "EPERM" : errno == ESRCH ? "ESRCH" : errno == ENOSYS ? "ENOSYS" : "?";
    printf("%s %s\n", call, said);
    fflush(stdout);
}

#ifdef __x86_64__
static void no_such_call(int signal) {
    (void)signal;
    puts("i386 prlimit64 ENOSYS");
    exit(0);
}
#endif

int main(int count, char **words) {
    if (count != 3) return 2;
    long process = atol(words[1]), user = atol(words[2]);
    struct rlimit core = {0, 0};
    struct { int priority; } plain = {0};
    struct { uint32_t size, policy; uint64_t flags; int32_t nice; uint32_t priority; uint64_t times[3]; } batch = {48, SCHED_BATCH, 0, 19, 0, {0}};
    cpu_set_t processors;
    sched_getaffinity(0, sizeof processors, &processors);
    tell("prlimit64", syscall(SYS_prlimit64, process, RLIMIT_CORE, &core, 0));
    tell("sched_setparam", syscall(SYS_sched_setparam, process, &plain));
    tell("sched_setscheduler", syscall(SYS_sched_setscheduler, process, SCHED_BATCH, &plain));
    tell("sched_setaffinity", syscall(SYS_sched_setaffinity, process, sizeof processors, &processors));
    tell("sched_setattr", syscall(SYS_sched_setattr, process, &batch, 0));
    tell("setpriority process", syscall(SYS_setpriority, 0, process, 19));
    tell("setpriority group", syscall(SYS_setpriority, 1, process, 19));
    tell("ioprio_set process", syscall(SYS_ioprio_set, 1, process, 3 << 13));
    tell("ioprio_set group", syscall(SYS_ioprio_set, 2, process, 3 << 13));
    if (user) {
        tell("setpriority user", syscall(SYS_setpriority, 2, user, 19));
        tell("ioprio_set user", syscall(SYS_ioprio_set, 3, user, 3 << 13));
    }
#ifdef __x86_64__
    /* Whether the kernel knows these two or not, nothing of another process may be asked for. */
    tell("x32 prlimit64", syscall(0x40000000 + SYS_prlimit64, process, RLIMIT_CORE, 0, 0));
    long answer;
    signal(SIGSEGV, no_such_call);
    __asm__ volatile("int $0x80" : "=a"(answer) : "a"(340), "b"(process), "c"(RLIMIT_CORE), "d"(0), "S"(0) : "memory", "r8", "r9", "r10", "r11");
    errno = (int)-answer;
    tell("i386 prlimit64", answer);
#endif
    return 0;
}
