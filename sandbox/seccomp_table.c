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
static const char basic[] =
	"read\0" "write\0" "readv\0" "writev\0" "pread64\0" "pwrite64\0" "preadv\0" "pwritev\0"
	"preadv2\0" "pwritev2\0" "close\0" "close_range\0" "fstat\0" "lseek\0" "dup\0" "dup2\0"
	"dup3\0" "fcntl\0" "pipe\0" "pipe2\0" "mmap\0" "munmap\0" "mprotect\0" "mremap\0"
	"madvise\0" "brk\0" "msync\0" "mincore\0" "rt_sigaction\0" "rt_sigprocmask\0"
	"rt_sigreturn\0" "rt_sigpending\0" "rt_sigtimedwait\0" "rt_sigsuspend\0"
	"sigaltstack\0" "restart_syscall\0" "exit\0" "exit_group\0" "futex\0"
	"set_robust_list\0" "get_robust_list\0" "set_tid_address\0" "rseq\0" "membarrier\0"
	"arch_prctl\0" "prctl\0" "getpid\0" "gettid\0" "getppid\0" "getuid\0" "geteuid\0"
	"getgid\0" "getegid\0" "getresuid\0" "getresgid\0" "getgroups\0" "getrandom\0"
	"clock_gettime\0" "clock_getres\0" "clock_nanosleep\0" "nanosleep\0" "gettimeofday\0"
	"time\0" "poll\0" "ppoll\0" "select\0" "pselect6\0" "epoll_create\0" "epoll_create1\0"
	"epoll_ctl\0" "epoll_wait\0" "epoll_pwait\0" "epoll_pwait2\0" "signalfd4\0"
	"timerfd_create\0" "timerfd_settime\0" "timerfd_gettime\0" "eventfd2\0" "recvmsg\0"
	"sendmsg\0" "recvfrom\0" "sendto\0" "socketpair\0" "shutdown\0" "prlimit64\0"
	"getrlimit\0" "getrusage\0" "uname\0" "sysinfo\0" "sched_yield\0" "sched_getaffinity\0"
	"getcpu\0" "tgkill\0" "tkill\0" "kill\0" "memfd_create\0" "ftruncate\0" "ioctl\0"
	"times\0" "pidfd_send_signal\0";

/* Files by name. Landlock says which. */
static const char files[] =
	"open\0" "openat\0" "openat2\0" "creat\0" "stat\0" "lstat\0" "newfstatat\0" "statx\0"
	"access\0" "faccessat\0" "faccessat2\0" "readlink\0" "readlinkat\0" "getcwd\0"
	"chdir\0" "fchdir\0" "getdents\0" "getdents64\0" "unlink\0" "unlinkat\0" "rmdir\0"
	"mkdir\0" "mkdirat\0" "rename\0" "renameat\0" "renameat2\0" "link\0" "linkat\0"
	"symlink\0" "symlinkat\0" "chmod\0" "fchmod\0" "fchmodat\0" "fchmodat2\0" "chown\0"
	"fchown\0" "lchown\0" "fchownat\0" "utime\0" "utimes\0" "utimensat\0" "futimesat\0"
	"fsync\0" "fdatasync\0" "syncfs\0" "sync_file_range\0" "fallocate\0" "flock\0"
	"statfs\0" "fstatfs\0" "umask\0" "truncate\0" "fadvise64\0" "readahead\0"
	"copy_file_range\0" "sendfile\0" "splice\0" "tee\0" "getxattr\0" "lgetxattr\0"
	"fgetxattr\0" "listxattr\0" "llistxattr\0" "flistxattr\0" "setxattr\0" "lsetxattr\0"
	"fsetxattr\0" "removexattr\0" "lremovexattr\0" "fremovexattr\0";

static const char network[] =
	"socket\0" "connect\0" "bind\0" "getsockname\0" "getpeername\0" "getsockopt\0"
	"setsockopt\0" "sendmmsg\0" "recvmmsg\0";

static const char serving[] =
	"listen\0" "accept\0" "accept4\0" "getsockopt\0" "setsockopt\0" "getsockname\0"
	"getpeername\0";

static const char threads[] =
	"clone\0" "sched_setscheduler\0" "sched_getscheduler\0" "sched_getparam\0"
	"sched_get_priority_max\0" "sched_get_priority_min\0";

/* git and what it starts. */
static const char programs[] =
	"clone\0" "fork\0" "vfork\0" "execve\0" "execveat\0" "wait4\0" "waitid\0"
	"pidfd_open\0" "setpgid\0" "getpgrp\0" "getpgid\0" "setsid\0" "getsid\0" "setitimer\0"
	"getitimer\0" "alarm\0" "pause\0" "getpriority\0" "setpriority\0" "sched_setaffinity\0"
	"mlock\0" "munlock\0" "setrlimit\0" "capget\0";

/* Of layers: devices 0:0, which anybody may make, and fifos. */
static const char whiteouts[] =
	"mknod\0" "mknodat\0";

/* glibc tries clone3 and takes clone where it is absent: its flags cannot be looked at by a filter.
 */
static const char absent[] =
	"clone3\0";

#if defined(COURSER_SANITIZED) || defined(COURSER_COVERAGE)
/* The leak checker stops its own process from another one; gcov writes files when a process ends.
 */
static const char instrumented[] =
	"clone\0" "ptrace\0" "wait4\0" "process_vm_readv\0" "personality\0" "open\0" "openat\0"
	"readlink\0" "readlinkat\0" "stat\0" "newfstatat\0" "access\0" "getdents64\0"
	"getcwd\0" "mkdir\0" "unlink\0" "execve\0" "fork\0" "vfork\0";
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
static const char keeping[] =
	"mlock\0" "mlock2\0" "munlock\0" "pidfd_open\0" "accept4\0";

/* A job: what compilers, interpreters, debuggers, databases and test suites use. */
static const char job_more[] =
	"_llseek\0" "clone\0" "fork\0" "vfork\0" "execve\0" "execveat\0" "wait4\0" "waitid\0"
	"waitpid\0" "setpgid\0" "getpgrp\0" "getpgid\0" "setsid\0" "getsid\0" "alarm\0"
	"pause\0" "setitimer\0" "getitimer\0" "getpriority\0" "setpriority\0" "ioprio_get\0"
	"ioprio_set\0" "sched_setaffinity\0" "sched_setattr\0" "sched_getattr\0"
	"sched_setparam\0" "sched_getparam\0" "sched_setscheduler\0" "sched_getscheduler\0"
	"sched_get_priority_max\0" "sched_get_priority_min\0" "sched_rr_get_interval\0"
	"setrlimit\0" "capget\0" "capset\0" "personality\0" "ptrace\0" "process_vm_readv\0"
	"process_vm_writev\0" "process_mrelease\0" "seccomp\0" "setuid\0" "setgid\0"
	"setreuid\0" "setregid\0" "setresuid\0" "setresgid\0" "setfsuid\0" "setfsgid\0"
	"setgroups\0" "rt_sigqueueinfo\0" "rt_tgsigqueueinfo\0" "signalfd\0" "eventfd\0"
	"pidfd_open\0" "timer_create\0" "timer_settime\0" "timer_gettime\0"
	"timer_getoverrun\0" "timer_delete\0" "adjtimex\0" "clock_adjtime\0" "mlock\0"
	"mlock2\0" "mlockall\0" "munlock\0" "munlockall\0" "remap_file_pages\0" "pkey_alloc\0"
	"pkey_free\0" "pkey_mprotect\0" "memfd_secret\0" "mseal\0" "map_shadow_stack\0"
	"set_thread_area\0" "get_thread_area\0" "modify_ldt\0" "mknod\0" "mknodat\0" "sync\0"
	"vmsplice\0" "sendfile64\0" "name_to_handle_at\0" "cachestat\0" "inotify_init\0"
	"inotify_init1\0" "inotify_add_watch\0" "inotify_rm_watch\0" "fanotify_mark\0"
	"io_setup\0" "io_submit\0" "io_getevents\0" "io_pgetevents\0" "io_cancel\0"
	"io_destroy\0" "socket\0" "connect\0" "bind\0" "listen\0" "accept\0" "accept4\0"
	"getsockname\0" "getpeername\0" "getsockopt\0" "setsockopt\0" "sendmmsg\0" "recvmmsg\0"
	"shmget\0" "shmat\0" "shmdt\0" "shmctl\0" "semget\0" "semop\0" "semctl\0"
	"semtimedop\0" "msgget\0" "msgsnd\0" "msgrcv\0" "msgctl\0" "mq_open\0" "mq_unlink\0"
	"mq_notify\0" "mq_timedsend\0" "mq_timedreceive\0" "mq_getsetattr\0"
	"landlock_create_ruleset\0" "landlock_add_rule\0" "landlock_restrict_self\0"
	"futex_waitv\0" "futex_wait\0" "futex_wake\0" "futex_requeue\0" "setxattrat\0"
	"getxattrat\0" "listxattrat\0" "removexattrat\0" "file_getattr\0" "file_setattr\0"
	"get_mempolicy\0";

/* Known and refused: a program that asks for one of these shall hear "not permitted", not
 * "unknown". What is in no list, calls that are yet to be invented included, does not exist
 * (ENOSYS). */
static const char job_refused[] =
	"add_key\0" "request_key\0" "keyctl\0" "bpf\0" "perf_event_open\0" "userfaultfd\0"
	"mount\0" "umount\0" "umount2\0" "pivot_root\0" "chroot\0" "setns\0" "unshare\0"
	"open_tree\0" "move_mount\0" "fsopen\0" "fsconfig\0" "fsmount\0" "fspick\0"
	"mount_setattr\0" "open_tree_attr\0" "kexec_load\0" "kexec_file_load\0" "init_module\0"
	"finit_module\0" "delete_module\0" "create_module\0" "iopl\0" "ioperm\0" "swapon\0"
	"swapoff\0" "reboot\0" "acct\0" "settimeofday\0" "clock_settime\0" "stime\0"
	"quotactl\0" "quotactl_fd\0" "sethostname\0" "setdomainname\0" "syslog\0"
	"fanotify_init\0" "open_by_handle_at\0" "lookup_dcookie\0" "vhangup\0" "nfsservctl\0"
	"process_madvise\0" "kcmp\0" "pidfd_getfd\0" "lsm_set_self_attr\0";

/* As well, but of no interest: hints about memory, and questions that have another answer. */
static const char job_quiet[] =
	"move_pages\0" "migrate_pages\0" "mbind\0" "set_mempolicy\0"
	"set_mempolicy_home_node\0" "statmount\0" "listmount\0" "ustat\0" "sysfs\0";

/* What a job of profile strict has to do without: debuggers, shared memory by key, real-time scheduling. */
static const char strict_refused[] =
	"ptrace\0" "process_vm_readv\0" "process_vm_writev\0" "process_mrelease\0"
	"personality\0" "modify_ldt\0" "vmsplice\0" "remap_file_pages\0" "memfd_secret\0"
	"map_shadow_stack\0" "name_to_handle_at\0" "io_setup\0" "io_submit\0" "io_getevents\0"
	"io_pgetevents\0" "io_cancel\0" "io_destroy\0" "adjtimex\0" "clock_adjtime\0"
	"sched_setscheduler\0" "sched_setattr\0" "sched_setparam\0" "mlockall\0"
	"fanotify_mark\0" "shmget\0" "shmat\0" "shmdt\0" "shmctl\0" "semget\0" "semop\0"
	"semctl\0" "semtimedop\0" "msgget\0" "msgsnd\0" "msgrcv\0" "msgctl\0" "mq_open\0"
	"mq_unlink\0" "mq_notify\0" "mq_timedsend\0" "mq_timedreceive\0" "mq_getsetattr\0";

/* What a job of profile nested has more: namespaces of its own and mounts in them. */
static const char nested_more[] =
	"unshare\0" "setns\0" "clone3\0" "mount\0" "umount\0" "umount2\0" "pivot_root\0"
	"chroot\0" "open_tree\0" "move_mount\0" "fsopen\0" "fsconfig\0" "fsmount\0" "fspick\0"
	"mount_setattr\0" "open_tree_attr\0" "sethostname\0" "setdomainname\0" "statmount\0"
	"listmount\0";

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
