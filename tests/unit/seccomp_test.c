#include "sandbox/seccomp.h"

#include "sandbox/confine.h"
#include "sandbox/seccomp_table.h"

#include <asm/ioctls.h>
#include <check.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/netlink.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#ifdef __x86_64__
enum { OTHER_ARCH = AUDIT_ARCH_I386 };
static const uint32_t this_arch = AUDIT_ARCH_X86_64;
#else
enum { OTHER_ARCH = AUDIT_ARCH_ARM };
static const uint32_t this_arch = AUDIT_ARCH_AARCH64;
#endif

enum { TIOCLINUX_REQUEST = 0x541c };

/* What the kernel would do with a program, in the few instructions that ours have. */
static uint32_t interpret(const struct sock_fprog *p, const struct seccomp_data *d)
{
	uint32_t a = 0;
	for (unsigned pc = 0; pc < p->len; pc++) {
		const struct sock_filter *i = &p->filter[pc];
		int hit;
		switch (i->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			ck_assert_uint_le(i->k + sizeof a, sizeof *d);
			memcpy(&a, (const char *)d + i->k, sizeof a);
			continue;
		case BPF_RET | BPF_K:
			return i->k;
		case BPF_JMP | BPF_JA:
			pc += i->k;
			continue;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= i->k;
			continue;
		case BPF_JMP | BPF_JEQ | BPF_K:
			hit = a == i->k;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			hit = a >= i->k;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			hit = a > i->k;
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			hit = (a & i->k) != 0;
			break;
		default:
			ck_abort_msg("instruction %#x at %u", i->code, pc);
		}
		pc += hit ? i->jt : i->jf;
	}
	ck_abort_msg("the program has no end");
}

static uint32_t answer(const struct seccomp_filter *f, const struct seccomp_data *d)
{
	return interpret(&f->program, d);
}

static struct seccomp_filter build(const char *profile)
{
	struct seccomp_filter p;
	struct err e = { 0 };
	ck_assert_msg(seccomp_build(profile, SECCOMP_SILENT, &p, &e) == 0, "%s", e.msg);
	return p;
}

static uint32_t ask(const struct seccomp_filter *p, const char *name, uint64_t a0, uint64_t a1,
		    uint64_t a2)
{
	int number = -1;
	bool known;
	ck_assert_msg(seccomp_number(name, &number, &known), "%s", name);
	struct seccomp_data d = { .nr = number, .arch = this_arch, .args = { a0, a1, a2 } };
	return answer(p, &d);
}

static void gives(const struct seccomp_filter *p, const char *name, int error)
{
	uint32_t r = ask(p, name, 0, 0, 0);
	ck_assert_msg(r == (SECCOMP_RET_ERRNO | (uint32_t)error), "%s: %#x", name, r);
}

START_TEST(every_name_is_one)
{
	const struct seccomp_profile *p = &seccomp_profiles[_i];
	size_t here = 0;
	for (size_t g = 0; g < SECCOMP_GROUPS && p->groups[g].names; g++)
		for (const char *name = p->groups[g].names; *name; name += strlen(name) + 1) {
			int number;
			bool known;
			here += seccomp_number(name, &number, &known);
			ck_assert_msg(known, "%s: %s is no system call", p->name, name);
		}
	ck_assert_uint_gt(here, 100);
}
END_TEST

START_TEST(every_argument_row_is_sound)
{
	for (size_t i = 0; i < seccomp_narguments; i++) {
		const struct seccomp_argument *a = &seccomp_arguments[i];
		int number;
		bool known;
		ck_assert_msg(seccomp_number(a->call, &number, &known), "%s", a->call);
		ck_assert_uint_ge(a->nvalues, 1);
		ck_assert_uint_le(a->nvalues, SECCOMP_VALUES);
		ck_assert_uint_lt(a->index, SECCOMP_HIGH + 6);
		ck_assert_uint_lt(a->when.index, SECCOMP_HIGH + 6);
		for (size_t j = 0; j < i; j++) /* rows of a call follow one another */
			ck_assert(strcmp(seccomp_arguments[j].call, a->call) != 0 ||
				  strcmp(seccomp_arguments[i - 1].call, a->call) == 0);
	}
}
END_TEST

static const char *const not_permitted[] = {
	"add_key",
	"request_key",
	"keyctl",
	"bpf",
	"perf_event_open",
	"userfaultfd",
	"mount",
	"umount2",
	"pivot_root",
	"setns",
	"unshare",
	"open_tree",
	"move_mount",
	"fsopen",
	"fsconfig",
	"fsmount",
	"mount_setattr",
	"kexec_load",
	"init_module",
	"finit_module",
	"swapon",
	"reboot",
	"acct",
	"settimeofday",
	"clock_settime",
	"quotactl",
	"sethostname",
	"syslog",
	"open_by_handle_at",
	"pidfd_getfd",
	"process_madvise",
	"chroot",
	"sysfs",
	"ustat",
};

static const char *const not_there[] = { "clone3", "io_uring_setup", "io_uring_enter",
					 "io_uring_register" };

static const char *const needed[] = {
	"read",
	"openat",
	"execve",
	"clone",
	"wait4",
	"ptrace",
	"process_vm_readv",
	"rt_sigaction",
	"mmap",
	"futex",
	"rseq",
	"statx",
	"close_range",
	"faccessat2",
	"epoll_pwait2",
	"memfd_create",
	"inotify_init1",
	"shmget",
	"mq_open",
	"landlock_restrict_self",
	"seccomp",
	"sched_setaffinity",
	"mlock",
	"copy_file_range",
	"fchmodat2",
	"cachestat",
	"mseal",
	"futex_wait",
	"getrandom",
	"timer_create",
	"setpgid",
	"pkey_alloc",
	"name_to_handle_at",
};

START_TEST(a_job_is_refused_what_is_dangerous)
{
	struct seccomp_filter p = build("job");
	for (size_t i = 0; i < sizeof not_permitted / sizeof *not_permitted; i++)
		gives(&p, not_permitted[i], EPERM);
	for (size_t i = 0; i < sizeof not_there / sizeof *not_there; i++)
		gives(&p, not_there[i], ENOSYS);
	for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
		ck_assert_msg(ask(&p, needed[i], 0, 0, 0) == SECCOMP_RET_ALLOW, "%s", needed[i]);
	for (int number = 500; number < 1024; number++) {
		struct seccomp_data d = { .nr = number, .arch = this_arch };
		ck_assert_uint_eq(answer(&p, &d), SECCOMP_RET_ERRNO | ENOSYS);
	}
	seccomp_done(&p);
}
END_TEST

START_TEST(another_architecture_is_the_end)
{
	struct seccomp_filter p = build(seccomp_profiles[_i].name);
	struct seccomp_data d = { .nr = 1, .arch = (uint32_t)OTHER_ARCH };
	ck_assert_uint_eq(answer(&p, &d), SECCOMP_RET_KILL_PROCESS);
#ifdef __x86_64__
	d = (struct seccomp_data){ .nr = 0x40000000 | 1, .arch = this_arch }; /* x32 */
	ck_assert_uint_ne(answer(&p, &d), SECCOMP_RET_ALLOW);
#endif
	seccomp_done(&p);
}
END_TEST

START_TEST(clone_makes_no_namespace)
{
	static const uint64_t flags[] = { CLONE_NEWNS,  CLONE_NEWCGROUP, CLONE_NEWUTS,
					  CLONE_NEWIPC, CLONE_NEWUSER,   CLONE_NEWPID,
					  CLONE_NEWNET };
	struct seccomp_filter p = build("job");
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
		uint32_t refused = SECCOMP_RET_ERRNO | EPERM;
		ck_assert_uint_eq(ask(&p, "clone", flags[i], 0, 0), refused);
		ck_assert_uint_eq(ask(&p, "clone", flags[i] | CLONE_VM | 17, 0, 0), refused);
	}
	ck_assert_uint_eq(ask(&p, "clone", CLONE_VM | CLONE_VFORK | 17, 0, 0), SECCOMP_RET_ALLOW);
	ck_assert_uint_eq(ask(&p, "clone", 0x3d0f00, 0, 0), SECCOMP_RET_ALLOW); /* a thread */
	seccomp_done(&p);
}
END_TEST

START_TEST(the_high_half_hides_nothing)
{
	static const uint64_t high[] = { 0, 1ull << 32, 0xffffffffull << 32 };
	struct seccomp_filter p = build("job");
	for (size_t i = 0; i < sizeof high / sizeof *high; i++) {
		ck_assert_uint_eq(ask(&p, "ioctl", 0, high[i] | TIOCSTI, 0),
				  SECCOMP_RET_ERRNO | EPERM);
		ck_assert_uint_eq(ask(&p, "ioctl", 0, high[i] | TIOCLINUX_REQUEST, 0),
				  SECCOMP_RET_ERRNO | EPERM);
		ck_assert_uint_eq(ask(&p, "socket", high[i] | AF_VSOCK, 1, 0),
				  SECCOMP_RET_ERRNO | EAFNOSUPPORT);
		ck_assert_uint_eq(ask(&p, "clone", high[i] | CLONE_NEWUSER, 0, 0),
				  SECCOMP_RET_ERRNO | EPERM);
	}
	ck_assert_uint_eq(ask(&p, "ioctl", 0, TCGETS, 0), SECCOMP_RET_ALLOW);
	seccomp_done(&p);
}
END_TEST

START_TEST(families_of_sockets)
{
	struct seccomp_filter p = build("job");
	for (uint64_t family = 0; family < 64; family++) {
		bool ok = family == AF_UNIX || family == AF_INET || family == AF_INET6 ||
			  family == AF_NETLINK;
		ck_assert_msg(ask(&p, "socket", family, SOCK_STREAM, 0) ==
				      (ok ? SECCOMP_RET_ALLOW : SECCOMP_RET_ERRNO | EAFNOSUPPORT),
			      "family %d", (int)family);
	}
	ck_assert_uint_eq(ask(&p, "socket", AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER),
			  SECCOMP_RET_ERRNO | EPROTONOSUPPORT);
	ck_assert_uint_eq(ask(&p, "socket", AF_INET, SOCK_STREAM, 6), SECCOMP_RET_ALLOW);
	seccomp_done(&p);
}
END_TEST

START_TEST(personalities_and_prctl)
{
	static const uint64_t fine[] = { 0, 8, 0x20000, 0x20008, 0xffffffff };
	struct seccomp_filter p = build("job");
	for (size_t i = 0; i < sizeof fine / sizeof *fine; i++)
		ck_assert_uint_eq(ask(&p, "personality", fine[i], 0, 0), SECCOMP_RET_ALLOW);
	ck_assert_uint_eq(ask(&p, "personality", 0x0040000, 0, 0), SECCOMP_RET_ERRNO | EPERM);
	ck_assert_uint_eq(ask(&p, "personality", 0x0400000, 0, 0), SECCOMP_RET_ERRNO | EPERM);
	ck_assert_uint_eq(ask(&p, "prctl", PR_SET_MM, 0, 0), SECCOMP_RET_ERRNO | EPERM);
	ck_assert_uint_eq(ask(&p, "prctl", PR_SET_NAME, 0, 0), SECCOMP_RET_ALLOW);
	seccomp_done(&p);
}
END_TEST

START_TEST(ways_around_the_list_of_families)
{
	static const uint64_t types[] = { SOCK_DCCP, SOCK_PACKET };
	static const uint64_t flags[] = { 0, SOCK_CLOEXEC, SOCK_NONBLOCK,
					  SOCK_CLOEXEC | SOCK_NONBLOCK };
	static const uint64_t protocols[] = { IPPROTO_SCTP, IPPROTO_DCCP, 115 /* L2TP */ };
	struct seccomp_filter p = build("job");
	for (size_t i = 0; i < 8; i++)
		ck_assert_uint_eq(ask(&p, "socket", AF_INET, types[i / 4] | flags[i % 4], 0),
				  SECCOMP_RET_ERRNO | ESOCKTNOSUPPORT);
	for (size_t i = 0; i < 3; i++) {
		ck_assert_uint_eq(ask(&p, "socket", AF_INET, SOCK_STREAM, protocols[i]),
				  SECCOMP_RET_ERRNO | EPROTONOSUPPORT);
		ck_assert_uint_eq(ask(&p, "socket", AF_INET6, SOCK_DGRAM, protocols[i]),
				  SECCOMP_RET_ERRNO | EPROTONOSUPPORT);
	}
	ck_assert_uint_eq(ask(&p, "socket", AF_INET, SOCK_DGRAM, IPPROTO_UDP), SECCOMP_RET_ALLOW);
	ck_assert_uint_eq(ask(&p, "socket", AF_UNIX, SOCK_STREAM, 77), SECCOMP_RET_ALLOW);
	ck_assert_uint_eq(ask(&p, "socketpair", AF_VSOCK, 1, 0), SECCOMP_RET_ERRNO | EAFNOSUPPORT);
	ck_assert_uint_eq(ask(&p, "socketpair", AF_UNIX, 1, 0), SECCOMP_RET_ALLOW);
	ck_assert_uint_eq(ask(&p, "ioctl", 0, TIOCSETD, 0), SECCOMP_RET_ERRNO | EPERM);
	seccomp_done(&p);
}
END_TEST

/* pid, resource, the new limits' address, the answer */
static const uint64_t limits[][4] = {
	{ 0, RLIMIT_NOFILE, 0x7fff0000, SECCOMP_RET_ALLOW },
	{ 0, RLIMIT_CORE, 0, SECCOMP_RET_ALLOW },
	{ 0, RLIMIT_CORE, 0x7fff0000, SECCOMP_RET_ERRNO },
	{ 0, RLIMIT_CORE, 1ull << 32, SECCOMP_RET_ERRNO }, /* its low half is 0 */
	{ 1, RLIMIT_CPU, 0, SECCOMP_RET_ALLOW },
	{ 1, RLIMIT_CPU, 0x7fff0000, SECCOMP_RET_ERRNO | EPERM },
	{ 1, RLIMIT_CPU, 1ull << 32, SECCOMP_RET_ERRNO | EPERM },
	{ 1, RLIMIT_CORE, 0x7fff0000, SECCOMP_RET_ERRNO | EPERM },
};

START_TEST(limits_of_others_and_of_core_dumps)
{
	const uint64_t *l = limits[_i];
	struct seccomp_filter p = build("job");
	ck_assert_uint_eq(ask(&p, "prlimit64", l[0], l[1], l[2]), l[3]);
	if (ask(&p, "setrlimit", RLIMIT_NOFILE, 1, 0) != SECCOMP_RET_ALLOW)
		ck_abort_msg("setrlimit");
	ck_assert_uint_eq(ask(&p, "setrlimit", RLIMIT_CORE, 1, 0), SECCOMP_RET_ERRNO);
	seccomp_done(&p);
}
END_TEST

/* Profile, call, allowed? Refused is death for a role. */
static const struct {
	const char *profile, *call;
	int allowed;
} roles[] = {
	{ "worker", "read", 1 },     { "worker", "accept4", 1 },    { "worker", "socket", 0 },
	{ "worker", "connect", 0 },  { "worker", "setns", 0 },      { "courier", "socket", 1 },
	{ "courier", "mount", 0 },   { "courier", "clone", 1 },     { "courier", "execveat", 0 },
	{ "keeper", "connect", 1 },  { "keeper", "bpf", 0 },        { "fetcher", "execve", 1 },
	{ "fetcher", "keyctl", 0 },  { "packer", "socket", 0 },     { "packer", "renameat2", 1 },
	{ "packer", "execveat", 0 }, { "packer", "mount", 0 },      { "recorder", "listen", 1 },
	{ "recorder", "flock", 1 },  { "recorder", "execveat", 0 },
};

START_TEST(roles_have_what_they_need)
{
	struct seccomp_filter p = build(roles[_i].profile);
	uint32_t expected = roles[_i].allowed ? SECCOMP_RET_ALLOW : SECCOMP_RET_KILL_PROCESS;
	ck_assert_msg(ask(&p, roles[_i].call, 0, 0, 0) ==
			      (strcmp(roles[_i].call, "socket") == 0 && roles[_i].allowed
				       ? SECCOMP_RET_ERRNO | EAFNOSUPPORT
				       : expected),
		      "%s: %s", roles[_i].profile, roles[_i].call);
	seccomp_done(&p);
}
END_TEST

static bool is_for_nesting(const char *call)
{
	static const char *const calls[] = { "unshare", "setns", "mount" };
	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
		if (strcmp(calls[i], call) == 0)
			return true;
	return false;
}

START_TEST(profiles_of_jobs)
{
	static const struct {
		const char *call;
		int refused[3]; /* by default, strict, nested */
	} rows[] = {
		{ "unshare", { 1, 1, 0 } },    { "mount", { 1, 1, 0 } },
		{ "pivot_root", { 1, 1, 0 } }, { "ptrace", { 0, 1, 0 } },
		{ "shmget", { 0, 1, 0 } },     { "process_vm_readv", { 0, 1, 0 } },
		{ "bpf", { 1, 1, 1 } },        { "add_key", { 1, 1, 1 } },
		{ "execve", { 0, 0, 0 } },     { "openat", { 0, 0, 0 } },
		{ "clone", { 0, 0, 0 } },      { "kexec_load", { 1, 1, 1 } },
	};
	static const char *const names[] = { "job", "job-strict", "job-nested" };
	for (size_t n = 0; n < 3; n++) {
		struct seccomp_filter p = build(names[n]);
		for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
			ck_assert_msg(ask(&p, rows[i].call, 0, 0, 0) ==
					      (rows[i].refused[n] ? SECCOMP_RET_ERRNO | EPERM
								  : SECCOMP_RET_ALLOW),
				      "%s: %s", names[n], rows[i].call);
		seccomp_done(&p);
	}
}
END_TEST

/* A listener is asked about what is refused and of interest, and about nothing else. */
START_TEST(what_is_told)
{
	struct err e = { 0 };
	const struct seccomp_job *j = seccomp_job(SANDBOX_PROFILE_DEFAULT, &e);
	ck_assert_ptr_nonnull(j);
	ck_assert_ptr_eq(j, seccomp_job(SANDBOX_PROFILE_DEFAULT, &e));
	for (size_t i = 0; i < sizeof not_permitted / sizeof *not_permitted; i++) {
		uint32_t told = ask(&j->told, not_permitted[i], 0, 0, 0);
		ck_assert_msg(told == SECCOMP_RET_USER_NOTIF ||
				      (told == (SECCOMP_RET_ERRNO | EPERM) &&
				       strstr("sysfs ustat", not_permitted[i])),
			      "%s", not_permitted[i]);
		gives(&j->silent, not_permitted[i], EPERM);
	}
	for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
		ck_assert_uint_eq(ask(&j->told, needed[i], 0, 0, 0), SECCOMP_RET_ALLOW);
	ck_assert_uint_eq(ask(&j->told, "clone", CLONE_NEWUSER, 0, 0), SECCOMP_RET_USER_NOTIF);
	ck_assert_uint_eq(ask(&j->told, "io_uring_setup", 0, 0, 0), SECCOMP_RET_ERRNO | ENOSYS);
	ck_assert_uint_eq(ask(&j->told, "mbind", 0, 0, 0), SECCOMP_RET_ERRNO | EPERM);
	ck_assert_uint_eq(ask(&j->told, "prlimit64", 0, RLIMIT_CORE, 1), SECCOMP_RET_ERRNO);
}
END_TEST

START_TEST(no_role_takes_the_keys)
{
	static const char *const never[] = { "add_key",     "unshare",
					     "setns",       "mount",
					     "bpf",         "init_module",
					     "userfaultfd", "perf_event_open" };
	struct seccomp_filter p = build(seccomp_profiles[_i].name);
	bool nested = strcmp(seccomp_profiles[_i].name, "job-nested") == 0;
	for (size_t i = 0; i < sizeof never / sizeof *never; i++)
		ck_assert_msg((nested && is_for_nesting(never[i])) ||
				      ask(&p, never[i], 0, 0, 0) != SECCOMP_RET_ALLOW,
			      "%s", never[i]);
	ck_assert_int_eq(ask(&p, "clone", CLONE_NEWUSER, 0, 0) == SECCOMP_RET_ALLOW, nested);
	seccomp_done(&p);
}
END_TEST

START_TEST(an_unknown_profile_is_an_error)
{
	struct seccomp_filter p;
	struct err e = { 0 };
	ck_assert_int_eq(seccomp_build("nobody", SECCOMP_SILENT, &p, &e), -1);
	ck_assert_ptr_nonnull(strstr(e.msg, "nobody"));
}
END_TEST

START_TEST(ids_of_a_role)
{
	static const char *const bad[] = {
		"",    ":", "5", "5:", ":5", "0:5", "5:0", "5:5:5", "a:5", "-1:5", "99999999999:5",
		"5:5 "
	};
	struct confine c = { 0 };
	struct err e = { 0 };
	ck_assert_int_eq(confine_ids(&c, "1234:567", &e), 0);
	ck_assert(c.drop_ids);
	ck_assert_uint_eq(c.uid, 1234);
	ck_assert_uint_eq(c.gid, 567);
	ck_assert_int_eq(confine_ids(&c, "-", &e), 0);
	ck_assert(!c.drop_ids);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_assert_msg(confine_ids(&c, bad[i], &e) == -1, "%s", bad[i]);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("seccomp");
	tcase_add_loop_test(t, every_name_is_one, 0, (int)seccomp_nprofiles);
	tcase_add_test(t, every_argument_row_is_sound);
	tcase_add_test(t, a_job_is_refused_what_is_dangerous);
	tcase_add_loop_test(t, another_architecture_is_the_end, 0, (int)seccomp_nprofiles);
	tcase_add_test(t, clone_makes_no_namespace);
	tcase_add_test(t, the_high_half_hides_nothing);
	tcase_add_test(t, families_of_sockets);
	tcase_add_test(t, personalities_and_prctl);
	tcase_add_test(t, ways_around_the_list_of_families);
	tcase_add_loop_test(t, limits_of_others_and_of_core_dumps, 0,
			    sizeof limits / sizeof *limits);
	tcase_add_loop_test(t, roles_have_what_they_need, 0, sizeof roles / sizeof *roles);
	tcase_add_loop_test(t, no_role_takes_the_keys, 0, (int)seccomp_nprofiles);
	tcase_add_test(t, profiles_of_jobs);
	tcase_add_test(t, what_is_told);
	tcase_add_test(t, an_unknown_profile_is_an_error);
	tcase_add_test(t, ids_of_a_role);
	Suite *s = suite_create("seccomp");
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
