#include "sandbox/seccomp_table.h"

#include <asm/ioctls.h>
#include <errno.h>
#include <linux/netlink.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <seccomp.h>
#include <sys/resource.h>
#include <sys/socket.h>

/* One name a line would be ten pages. */
/* clang-format off */

/* What every program does: memory, threads of its own, signals, time, and fds that it holds. */
static const char *const basic[] = {
	"read", "write", "readv", "writev", "pread64", "pwrite64", "preadv", "pwritev",
	"preadv2", "pwritev2", "close", "close_range", "fstat", "lseek", "dup", "dup2", "dup3",
	"fcntl", "pipe", "pipe2", "mmap", "munmap", "mprotect", "mremap", "madvise", "brk",
	"msync", "mincore", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigpending",
	"rt_sigtimedwait", "rt_sigsuspend", "sigaltstack", "restart_syscall", "exit",
	"exit_group", "futex", "set_robust_list", "get_robust_list", "set_tid_address", "rseq",
	"membarrier", "arch_prctl", "prctl", "getpid", "gettid", "getppid", "getuid", "geteuid",
	"getgid", "getegid", "getresuid", "getresgid", "getgroups", "getrandom", "clock_gettime",
	"clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time", "poll", "ppoll",
	"select", "pselect6", "epoll_create", "epoll_create1", "epoll_ctl", "epoll_wait",
	"epoll_pwait", "epoll_pwait2", "signalfd4", "timerfd_create", "timerfd_settime",
	"timerfd_gettime", "eventfd2", "recvmsg", "sendmsg", "recvfrom", "sendto", "socketpair",
	"shutdown", "prlimit64", "getrlimit", "getrusage", "uname", "sysinfo", "sched_yield",
	"sched_getaffinity", "getcpu", "tgkill", "tkill", "kill", "memfd_create", "ftruncate",
	"ioctl", "times", "pidfd_send_signal", NULL
};

/* Files by name. Landlock says which. */
static const char *const files[] = {
	"open", "openat", "openat2", "creat", "stat", "lstat", "newfstatat", "statx", "access",
	"faccessat", "faccessat2", "readlink", "readlinkat", "getcwd", "chdir", "fchdir",
	"getdents", "getdents64", "unlink", "unlinkat", "rmdir", "mkdir", "mkdirat", "rename",
	"renameat", "renameat2", "link", "linkat", "symlink", "symlinkat", "chmod", "fchmod",
	"fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat", "utime", "utimes",
	"utimensat", "futimesat", "fsync", "fdatasync", "syncfs", "sync_file_range", "fallocate",
	"flock", "statfs", "fstatfs", "umask", "truncate", "fadvise64", "readahead",
	"copy_file_range", "sendfile", "splice", "tee", "getxattr", "lgetxattr", "fgetxattr",
	"listxattr", "llistxattr", "flistxattr", "setxattr", "lsetxattr", "fsetxattr",
	"removexattr", "lremovexattr", "fremovexattr", NULL
};

static const char *const network[] = {
	"socket", "connect", "bind", "getsockname", "getpeername", "getsockopt", "setsockopt",
	"sendmmsg", "recvmmsg", NULL
};

static const char *const serving[] = {
	"listen", "accept", "accept4", "getsockopt", "setsockopt", "getsockname", "getpeername", NULL
};

static const char *const threads[] = {
	"clone", "sched_setscheduler", "sched_getscheduler", "sched_getparam",
	"sched_get_priority_max", "sched_get_priority_min", NULL
};

/* git and what it starts. */
static const char *const programs[] = {
	"clone", "fork", "vfork", "execve", "execveat", "wait4", "waitid", "pidfd_open",
	"setpgid", "getpgrp", "getpgid", "setsid", "getsid", "setitimer", "getitimer", "alarm",
	"pause", "getpriority", "setpriority", "sched_setaffinity", "mlock", "munlock",
	"setrlimit", "capget", NULL
};

/* Of layers: devices 0:0, which anybody may make, and fifos. */
static const char *const whiteouts[] = { "mknod", "mknodat", NULL };

/* glibc tries clone3 and takes clone where it is absent: its flags cannot be looked at by a filter.
 */
static const char *const absent[] = {
	"clone3", NULL
};

#if defined(COURSER_SANITIZED) || defined(COURSER_COVERAGE)
/* The leak checker stops its own process from another one; gcov writes files when a process ends.
 */
static const char *const instrumented[] = {
	"clone", "ptrace", "wait4", "process_vm_readv", "personality", "open", "openat",
	"readlink", "readlinkat", "stat", "newfstatat", "access", "getdents64", "getcwd",
	"mkdir", "unlink", "execve", "fork", "vfork", NULL
};
#define INSTRUMENTED                         \
	,                                    \
	{                                    \
		instrumented, SCMP_ACT_ALLOW \
	}
#else
#define INSTRUMENTED
#endif

#define ROLE SCMP_ACT_KILL_PROCESS

/* Secrets are kept out of swap; a later supervisor connects and is handed our own pidfd. */
static const char *const keeping[] = { "mlock",      "mlock2",  "munlock",
				       "pidfd_open", "accept4", NULL };

/* A job: what compilers, interpreters, debuggers, databases and test suites use. */
static const char *const job_more[] = {
	"_llseek", "clone", "fork", "vfork", "execve", "execveat", "wait4", "waitid", "waitpid",
	"setpgid", "getpgrp", "getpgid", "setsid", "getsid", "alarm", "pause", "setitimer",
	"getitimer", "getpriority", "setpriority", "ioprio_get", "ioprio_set",
	"sched_setaffinity", "sched_setattr", "sched_getattr", "sched_setparam",
	"sched_getparam", "sched_setscheduler", "sched_getscheduler", "sched_get_priority_max",
	"sched_get_priority_min", "sched_rr_get_interval", "setrlimit", "capget", "capset",
	"personality", "ptrace", "process_vm_readv", "process_vm_writev", "process_mrelease",
	"seccomp", "setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid",
	"setfsuid", "setfsgid", "setgroups", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "signalfd",
	"eventfd", "pidfd_open", "timer_create", "timer_settime", "timer_gettime",
	"timer_getoverrun", "timer_delete", "adjtimex", "clock_adjtime", "mlock", "mlock2",
	"mlockall", "munlock", "munlockall", "remap_file_pages", "pkey_alloc", "pkey_free",
	"pkey_mprotect", "memfd_secret", "mseal", "map_shadow_stack", "set_thread_area",
	"get_thread_area", "modify_ldt", "mknod", "mknodat", "sync", "vmsplice", "sendfile64",
	"name_to_handle_at", "cachestat", "inotify_init", "inotify_init1", "inotify_add_watch",
	"inotify_rm_watch", "fanotify_mark", "io_setup", "io_submit", "io_getevents",
	"io_pgetevents", "io_cancel", "io_destroy", "socket", "connect", "bind", "listen",
	"accept", "accept4", "getsockname", "getpeername", "getsockopt", "setsockopt",
	"sendmmsg", "recvmmsg", "shmget", "shmat", "shmdt", "shmctl", "semget", "semop",
	"semctl", "semtimedop", "msgget", "msgsnd", "msgrcv", "msgctl", "mq_open", "mq_unlink",
	"mq_notify", "mq_timedsend", "mq_timedreceive", "mq_getsetattr",
	"landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self", "futex_waitv",
	"futex_wait", "futex_wake", "futex_requeue", "setxattrat", "getxattrat", "listxattrat",
	"removexattrat", "file_getattr", "file_setattr", "get_mempolicy", NULL
};

/* Known and refused: a program that asks for one of these shall hear "not permitted", not
 * "unknown". What is in no list, calls that are yet to be invented included, does not exist
 * (ENOSYS). */
static const char *const job_refused[] = {
	"add_key", "request_key", "keyctl", "bpf", "perf_event_open", "userfaultfd", "mount",
	"umount", "umount2", "pivot_root", "chroot", "setns", "unshare", "open_tree",
	"move_mount", "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr",
	"open_tree_attr", "kexec_load", "kexec_file_load", "init_module", "finit_module",
	"delete_module", "create_module", "iopl", "ioperm", "swapon", "swapoff", "reboot",
	"acct", "settimeofday", "clock_settime", "stime", "quotactl", "quotactl_fd",
	"sethostname", "setdomainname", "syslog", "fanotify_init", "open_by_handle_at",
	"lookup_dcookie", "vhangup", "nfsservctl", "process_madvise", "kcmp", "pidfd_getfd",
	"lsm_set_self_attr", NULL
};

/* As well, but of no interest: hints about memory, and questions that have another answer. */
static const char *const job_quiet[] = {
	"move_pages", "migrate_pages", "mbind", "set_mempolicy", "set_mempolicy_home_node",
	"statmount", "listmount", "ustat", "sysfs", NULL
};

/* What a job of profile strict has to do without: debuggers, shared memory by key, real-time scheduling. */
static const char *const strict_refused[] = {
	"ptrace", "process_vm_readv", "process_vm_writev", "process_mrelease", "personality",
	"modify_ldt", "vmsplice", "remap_file_pages", "memfd_secret", "map_shadow_stack",
	"name_to_handle_at", "io_setup", "io_submit", "io_getevents", "io_pgetevents",
	"io_cancel", "io_destroy", "adjtimex", "clock_adjtime", "sched_setscheduler",
	"sched_setattr", "sched_setparam", "mlockall", "fanotify_mark", "shmget", "shmat",
	"shmdt", "shmctl", "semget", "semop", "semctl", "semtimedop", "msgget", "msgsnd",
	"msgrcv", "msgctl", "mq_open", "mq_unlink", "mq_notify", "mq_timedsend",
	"mq_timedreceive", "mq_getsetattr", NULL
};

/* What a job of profile nested has more: namespaces of its own and mounts in them. */
static const char *const nested_more[] = {
	"unshare", "setns", "clone3", "mount", "umount", "umount2", "pivot_root", "chroot",
	"open_tree", "move_mount", "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr",
	"open_tree_attr", "sethostname", "setdomainname", "statmount", "listmount", NULL
};

/* clang-format on */

#define REFUSED SECCOMP_REFUSED
#define QUIETLY SCMP_ACT_ERRNO(EPERM)
#define UNKNOWN SCMP_ACT_ERRNO(ENOSYS)
#define ALLOW SCMP_ACT_ALLOW

const struct seccomp_profile seccomp_profiles[] = {
	{ "job",
	  UNKNOWN,
	  { { basic, ALLOW },
	    { files, ALLOW },
	    { job_more, ALLOW },
	    { job_refused, REFUSED },
	    { job_quiet, QUIETLY } } },
	{ "job-strict",
	  UNKNOWN,
	  { { strict_refused, REFUSED },
	    { basic, ALLOW },
	    { files, ALLOW },
	    { job_more, ALLOW },
	    { job_refused, REFUSED },
	    { job_quiet, QUIETLY } } },
	{ "job-nested",
	  UNKNOWN,
	  { { nested_more, ALLOW },
	    { basic, ALLOW },
	    { files, ALLOW },
	    { job_more, ALLOW },
	    { job_refused, REFUSED },
	    { job_quiet, QUIETLY } } },
	{ "worker",
	  ROLE,
	  { { basic, ALLOW },
	    { files, ALLOW },
	    { serving, ALLOW },
	    { keeping, ALLOW },
	    { absent, UNKNOWN } INSTRUMENTED } },
	{ "courier",
	  ROLE,
	  { { basic, ALLOW },
	    { files, ALLOW },
	    { network, ALLOW },
	    { threads, ALLOW },
	    { absent, UNKNOWN } INSTRUMENTED } },
	{ "keeper",
	  ROLE,
	  { { basic, ALLOW },
	    { files, ALLOW },
	    { keeping, ALLOW },
	    { network, ALLOW },
	    { threads, ALLOW },
	    { absent, UNKNOWN } INSTRUMENTED } },
	{ "fetcher",
	  ROLE,
	  { { basic, ALLOW },
	    { files, ALLOW },
	    { network, ALLOW },
	    { threads, ALLOW },
	    { programs, ALLOW },
	    { absent, UNKNOWN } INSTRUMENTED } },
	{ "puller",
	  ROLE,
	  { { basic, ALLOW },
	    { files, ALLOW },
	    { network, ALLOW },
	    { threads, ALLOW },
	    { absent, UNKNOWN } INSTRUMENTED } },
	{ "unpacker",
	  ROLE,
	  { { basic, ALLOW },
	    { files, ALLOW },
	    { whiteouts, ALLOW },
	    { absent, UNKNOWN } INSTRUMENTED } },
	{ "packer",
	  ROLE,
	  { { basic, ALLOW }, { files, ALLOW }, { absent, UNKNOWN } INSTRUMENTED } },
	{ "redact",
	  ROLE,
	  { { basic, ALLOW },
	    { files, ALLOW },
	    { keeping, ALLOW },
	    { absent, UNKNOWN } INSTRUMENTED } },
	{ "recorder",
	  ROLE,
	  { { basic, ALLOW },
	    { files, ALLOW },
	    { network, ALLOW },
	    { serving, ALLOW },
	    { threads, ALLOW },
	    { absent, UNKNOWN } INSTRUMENTED } },
};
const size_t seccomp_nprofiles = sizeof seccomp_profiles / sizeof *seccomp_profiles;

const struct seccomp_newer seccomp_newer[] = {
	{ "set_mempolicy_home_node", 450 },
	{ "cachestat", 451 },
	{ "fchmodat2", 452 },
	{ "map_shadow_stack", 453 },
	{ "futex_wake", 454 },
	{ "futex_wait", 455 },
	{ "futex_requeue", 456 },
	{ "statmount", 457 },
	{ "listmount", 458 },
	{ "lsm_set_self_attr", 460 },
	{ "mseal", 462 },
	{ "setxattrat", 463 },
	{ "getxattrat", 464 },
	{ "listxattrat", 465 },
	{ "removexattrat", 466 },
	{ "open_tree_attr", 467 },
	{ "file_getattr", 468 },
	{ "file_setattr", 469 },
};
const size_t seccomp_nnewer = sizeof seccomp_newer / sizeof *seccomp_newer;

enum {
	NEW_NAMESPACES = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
			 CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET,
	/* PER_LINUX, PER_LINUX32, both with UNAME26, and the question what it is */
	PER_LINUX_LIKE = 0,
	PER_LINUX32_LIKE = 8,
	UNAME_26 = 0x20000,
};

#define ALWAYS                       \
	{                            \
		SECCOMP_ALWAYS, 0, 0 \
	}
#define IS(index, value)                          \
	{                                         \
		SECCOMP_WHEN_IS, (index), (value) \
	}
#define IS_NOT(index, value)                          \
	{                                             \
		SECCOMP_WHEN_IS_NOT, (index), (value) \
	}

/* No SCTP, DCCP or L2TP. */
#define INET_PROTOCOLS                                                                  \
	{                                                                               \
		0, IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMPV6, IPPROTO_RAW, \
			IPPROTO_MPTCP                                                   \
	}

/* Types of sockets by which one reaches a family that is not in the list: DCCP, and AF_PACKET under its
 * old name. */
#define TYPE(type) \
	(type), (type) | SOCK_CLOEXEC, (type) | SOCK_NONBLOCK, (type) | SOCK_CLOEXEC | SOCK_NONBLOCK
#define OTHER_TYPES                                \
	{                                          \
		TYPE(SOCK_DCCP), TYPE(SOCK_PACKET) \
	}

const struct seccomp_argument seccomp_arguments[] = {
	{ "clone", ALWAYS, 0, SECCOMP_NOT_BITS, { NEW_NAMESPACES }, 1, EPERM },
	/* A line discipline is a driver that the kernel loads for whoever asks. */
	{ "ioctl",
	  ALWAYS,
	  1,
	  SECCOMP_NOT_THESE,
	  { TIOCSTI, 0x541c /* TIOCLINUX */, TIOCSETD },
	  3,
	  EPERM },
	{ "socket",
	  ALWAYS,
	  0,
	  SECCOMP_ONLY_THESE,
	  { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK },
	  4,
	  EAFNOSUPPORT },
	{ "socket",
	  IS(0, AF_NETLINK),
	  2,
	  SECCOMP_ONLY_THESE,
	  { NETLINK_ROUTE },
	  1,
	  EPROTONOSUPPORT },
	{ "socket", IS(0, AF_INET), 1, SECCOMP_NOT_THESE, OTHER_TYPES, 8, ESOCKTNOSUPPORT },
	{ "socket", IS(0, AF_INET6), 1, SECCOMP_NOT_THESE, OTHER_TYPES, 8, ESOCKTNOSUPPORT },
	{ "socket", IS(0, AF_INET), 2, SECCOMP_ONLY_THESE, INET_PROTOCOLS, 7, EPROTONOSUPPORT },
	{ "socket", IS(0, AF_INET6), 2, SECCOMP_ONLY_THESE, INET_PROTOCOLS, 7, EPROTONOSUPPORT },
	/* Both sockets of a pair are made before the family is asked whether it has pairs. */
	{ "socketpair", ALWAYS, 0, SECCOMP_ONLY_THESE, { AF_UNIX }, 1, EAFNOSUPPORT },
	{ "personality",
	  ALWAYS,
	  0,
	  SECCOMP_ONLY_THESE,
	  { PER_LINUX_LIKE, PER_LINUX32_LIKE, UNAME_26, UNAME_26 | PER_LINUX32_LIKE, UINT32_MAX },
	  5,
	  EPERM },
	{ "prctl", ALWAYS, 0, SECCOMP_NOT_THESE, { PR_SET_MM }, 1, EPERM },
	/* Init is of the job's uid: with a limit on its time the kernel would end it, and the runner
	 * would be at fault. */
	{ "prlimit64", IS_NOT(0, 0), 2, SECCOMP_ONLY_THESE, { 0 }, 1, EPERM },
	{ "prlimit64", IS_NOT(0, 0), SECCOMP_HIGH | 2, SECCOMP_ONLY_THESE, { 0 }, 1, EPERM },
	/* A limit of 1 on core dumps is the one that keeps the kernel from starting the host's
	 * handler, as root, on what the job left; 0 does not. It stays, and who asks is told what it
	 * wants to hear: gpg ends when it hears anything else. */
	{ "prlimit64", IS(1, RLIMIT_CORE), 2, SECCOMP_ONLY_THESE, { 0 }, 1, 0 },
	{ "prlimit64", IS(1, RLIMIT_CORE), SECCOMP_HIGH | 2, SECCOMP_ONLY_THESE, { 0 }, 1, 0 },
	{ "setrlimit", ALWAYS, 0, SECCOMP_NOT_THESE, { RLIMIT_CORE }, 1, 0 },
};
const size_t seccomp_narguments = sizeof seccomp_arguments / sizeof *seccomp_arguments;
