#include "sandbox/seccomp.h"

#include "sandbox/seccomp_calls.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { INSNS_ROW = 8 + 2 * SECCOMP_VALUES };

bool seccomp_number(const char *name, int *ret, bool *known)
{
	int number = seccomp_syscall_resolve_name(name);
	for (size_t i = 0; number == __NR_SCMP_ERROR && i < seccomp_nnewer; i++)
		if (strcmp(seccomp_newer[i].name, name) == 0)
			number = seccomp_newer[i].number;
	*known = number != __NR_SCMP_ERROR;
	if (number < 0)
		return false;
	*ret = number;
	return true;
}

static const struct seccomp_profile *find(const char *name)
{
	for (size_t i = 0; i < seccomp_nprofiles; i++)
		if (strcmp(seccomp_profiles[i].name, name) == 0)
			return &seccomp_profiles[i];
	return NULL;
}

/* Where the low half of argument i lies; x86-64 and arm64 are little-endian. */
static uint32_t low_half(unsigned i)
{
	return (uint32_t)(offsetof(struct seccomp_data, args) + i * sizeof(uint64_t));
}

static void emit(struct sock_fprog *p, uint16_t code, uint32_t k)
{
	p->filter[p->len++] = (struct sock_filter)BPF_STMT(code, k);
}

/* Go on when the accumulator is k; else leave the row, whose end is set when it is known. */
static void emit_guard(struct sock_fprog *p, uint32_t k)
{
	p->filter[p->len++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, k, 0,
							   UINT8_MAX);
}

/*
 *	load number; if not the call: next row
 *	load argument 0; if not `when`: next row        (only with a `when`)
 *	load argument; n comparisons, a hit jumps over all that follow to "hit"
 *	miss: refuse or next row
 *	hit: next row or refuse
 */
static void emit_row(struct sock_fprog *p, const struct seccomp_argument *a, int number)
{
	unsigned short first = p->len;
	uint16_t test = a->test == SECCOMP_NOT_BITS ? BPF_JSET : BPF_JEQ;
	uint8_t n = (uint8_t)a->nvalues;
	bool only = a->test == SECCOMP_ONLY_THESE;
	uint32_t refuse = SECCOMP_RET_ERRNO | a->error;
	emit(p, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	emit_guard(p, (uint32_t)number);
	if (a->when >= 0) {
		emit(p, BPF_LD | BPF_W | BPF_ABS, low_half(0));
		emit_guard(p, (uint32_t)a->when);
	}
	emit(p, BPF_LD | BPF_W | BPF_ABS, low_half(a->index));
	/* A hit of ONLY goes past the one instruction that refuses; a hit of NOT goes to it. */
	for (uint8_t i = 0; i < n; i++)
		p->filter[p->len++] = (struct sock_filter)BPF_JUMP(
			BPF_JMP | test | BPF_K, a->values[i], (uint8_t)(n - 1 - i + 1), 0);
	if (!only)
		emit(p, BPF_JMP | BPF_JA, 1);
	emit(p, BPF_RET | BPF_K, refuse);
	for (unsigned short i = first; i < p->len; i++)
		if (p->filter[i].jf == UINT8_MAX)
			p->filter[i].jf = (uint8_t)(p->len - 1 - i);
}

static int build_arguments(struct sock_fprog *ret, struct err *e)
{
	struct sock_fprog p = { .filter = calloc(seccomp_narguments * INSNS_ROW + 1,
						 sizeof(struct sock_filter)) };
	if (!p.filter)
		return err_set(e, ENOMEM, "out of memory");
	for (size_t i = 0; i < seccomp_narguments; i++) {
		int number;
		bool known;
		if (seccomp_number(seccomp_arguments[i].call, &number, &known))
			emit_row(&p, &seccomp_arguments[i], number);
	}
	emit(&p, BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	*ret = p;
	return 0;
}

int seccomp_build(const char *profile, struct seccomp_programs *ret, struct err *e)
{
	struct seccomp_programs p = { 0 };
	const struct seccomp_profile *table = find(profile);
	if (!table)
		return err_set(e, EINVAL, "no seccomp profile %s", profile);
	if (seccomp_calls(table, &p.calls, e) < 0 || build_arguments(&p.arguments, e) < 0) {
		seccomp_done(&p);
		return err_wrap(e, "seccomp profile %s", profile);
	}
	*ret = p;
	return 0;
}

void seccomp_done(struct seccomp_programs *p)
{
	free(p->calls.filter);
	free(p->arguments.filter);
	*p = (struct seccomp_programs){ 0 };
}

/* The arguments first: the program that says which calls there are need not allow seccomp(2). */
int seccomp_install(const struct seccomp_programs *p, struct err *e)
{
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &p->arguments) < 0 ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &p->calls) < 0)
		return err_sys(e, "filter");
	return 0;
}

int seccomp_setup(struct setup *s, struct err *e)
{
	return seccomp_install(s->seccomp, e);
}
