#include "sandbox/seccomp_program.h"

#include "sandbox/seccomp.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>

enum { HALF = sizeof(uint32_t), OPEN = UINT8_MAX };

static const uint32_t number_at = offsetof(struct seccomp_data, nr);

/* Where a half of an argument lies; x86-64 and arm64 are little-endian. */
static uint32_t half_at(unsigned index)
{
	unsigned high = index >= SECCOMP_HIGH;
	unsigned argument = index - (high ? SECCOMP_HIGH : 0);
	return (uint32_t)(offsetof(struct seccomp_data, args) + argument * sizeof(uint64_t) +
			  high * HALF);
}

/* Jumps from first on that lead nowhere yet lead here. */
static void close_jumps(struct seccomp_program *p, size_t first)
{
	for (size_t i = first; i < p->n && p->n <= SECCOMP_INSNS; i++) {
		uint8_t here = (uint8_t)(p->n - 1 - i);
		if (p->at[i].jt == OPEN)
			p->at[i].jt = here;
		if (p->at[i].jf == OPEN)
			p->at[i].jf = here;
	}
}

/*
 *	load the condition's half; if it does not hold: next row      (only with a condition)
 *	load the half; n comparisons, a hit jumps over all that follow to "hit"
 *	miss: refuse or next row
 *	hit: next row or refuse
 */
static void emit_row(struct seccomp_program *p, const struct seccomp_argument *a)
{
	size_t first = p->n;
	uint16_t test = a->test == SECCOMP_NOT_BITS ? BPF_JSET : BPF_JEQ;
	if (a->when.how != SECCOMP_ALWAYS) {
		bool is = a->when.how == SECCOMP_WHEN_IS;
		seccomp_emit(p, BPF_LD | BPF_W | BPF_ABS, half_at(a->when.index));
		seccomp_emit_jump(p, BPF_JEQ, a->when.value, is ? 0 : OPEN, is ? OPEN : 0);
	}
	seccomp_emit(p, BPF_LD | BPF_W | BPF_ABS, half_at(a->index));
	/* A hit of ONLY goes past the one instruction that refuses; a hit of NOT goes to it. */
	for (size_t i = 0; i < a->nvalues; i++)
		seccomp_emit_jump(p, test, a->values[i], (uint8_t)(a->nvalues - i), 0);
	if (a->test != SECCOMP_ONLY_THESE)
		seccomp_emit(p, BPF_JMP | BPF_JA, 1);
	seccomp_emit(p, BPF_RET | BPF_K,
		     a->error == EPERM ? p->refused : SECCOMP_RET_ERRNO | a->error);
	close_jumps(p, first);
}

/* All rows of one call, behind one comparison of its number. */
static size_t emit_call(struct seccomp_program *p, size_t row, int number)
{
	const char *call = seccomp_arguments[row].call;
	size_t guard = p->n;
	seccomp_emit_jump(p, BPF_JEQ, (uint32_t)number, 0, 0);
	while (row < seccomp_narguments && strcmp(seccomp_arguments[row].call, call) == 0)
		emit_row(p, &seccomp_arguments[row++]);
	seccomp_emit(p, BPF_LD | BPF_W | BPF_ABS, number_at);
	size_t passed = p->n - 1 - guard;
	if (passed > UINT8_MAX)
		p->n = SECCOMP_INSNS + 1; /* no jump passes it: the caller says so */
	else if (guard < SECCOMP_INSNS)
		p->at[guard].jf = (uint8_t)passed;
	return row;
}

static bool is_allowed(const struct seccomp_profile *p, const char *call)
{
	for (size_t g = 0; g < SECCOMP_GROUPS && p->groups[g].names; g++)
		for (const char *name = p->groups[g].names; *name; name += strlen(name) + 1)
			if (strcmp(name, call) == 0)
				return p->groups[g].action == SECCOMP_RET_ALLOW;
	return p->otherwise == SECCOMP_RET_ALLOW;
}

static bool is_checked(const struct seccomp_profile *p, const char *call)
{
	/* Whoever may unshare may clone with the same flags. */
	if (strcmp(call, "clone") == 0 && is_allowed(p, "unshare"))
		return false;
	return is_allowed(p, call);
}

void seccomp_emit_arguments(struct seccomp_program *p, const struct seccomp_profile *profile)
{
	for (size_t i = 0; i < seccomp_narguments;) {
		const char *call = seccomp_arguments[i].call;
		int number;
		bool known;
		if (seccomp_number(call, &number, &known) && is_checked(profile, call))
			i = emit_call(p, i, number);
		else
			i++;
	}
}
