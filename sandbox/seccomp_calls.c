#include "sandbox/seccomp_program.h"

#include "sandbox/seccomp.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>

#if defined(__aarch64__)
enum { THIS_ARCH_OTHER_ABI = 0 };
static const uint32_t this_arch = AUDIT_ARCH_AARCH64;
#else
enum { THIS_ARCH_OTHER_ABI = 0x40000000 }; /* x32: other calls under the same architecture */
static const uint32_t this_arch = AUDIT_ARCH_X86_64;
#endif

/* Numbers end below NUMBERS. A conditional jump passes at most JUMP instructions. */
enum { NUMBERS = 1024, JUMP = UINT8_MAX };

static const uint32_t skipped = UINT32_MAX; /* the number a tracer sets to skip a call */

/* Numbers from `from` on, up to the next range, get this answer. */
struct range {
	uint32_t from, answer;
};

static void answer_of_each(const struct seccomp_profile *p, uint32_t answers[NUMBERS])
{
	bool said[NUMBERS] = { false };
	for (size_t i = 0; i < NUMBERS; i++)
		answers[i] = p->otherwise;
	for (size_t g = 0; g < SECCOMP_GROUPS && p->groups[g].names; g++) {
		for (const char *name = p->groups[g].names; *name; name += strlen(name) + 1) {
			int number;
			bool known;
			if (!seccomp_number(name, &number, &known) || number >= NUMBERS ||
			    said[number])
				continue; /* the first group that names a call decides */
			said[number] = true;
			answers[number] = p->groups[g].action;
		}
	}
}

static size_t ranges_of(const uint32_t answers[NUMBERS], uint32_t otherwise, struct range *ret)
{
	size_t n = 1;
	ret[0] = (struct range){ 0, answers[0] };
	for (uint32_t i = 1; i < NUMBERS; i++)
		if (answers[i] != answers[i - 1])
			ret[n++] = (struct range){ i, answers[i] };
	if (ret[n - 1].answer != otherwise)
		ret[n++] = (struct range){ NUMBERS, otherwise };
	return n;
}

void seccomp_emit(struct seccomp_program *p, uint16_t code, uint32_t k)
{
	if (p->n < SECCOMP_INSNS)
		p->at[p->n] = (struct sock_filter)BPF_STMT(code, k);
	p->n++;
}

void seccomp_emit_jump(struct seccomp_program *p, uint16_t test, uint32_t k, uint8_t yes,
		       uint8_t no)
{
	size_t n = p->n;
	seccomp_emit(p, (uint16_t)(BPF_JMP | test | BPF_K), k);
	if (n >= SECCOMP_INSNS)
		return;
	p->at[n].jt = yes;
	p->at[n].jf = no;
}

void seccomp_emit_head(struct seccomp_program *p, uint32_t otherwise)
{
	seccomp_emit(p, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
	seccomp_emit_jump(p, BPF_JEQ, this_arch, 1, 0);
	seccomp_emit(p, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	seccomp_emit(p, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	if (!THIS_ARCH_OTHER_ABI)
		return;
	seccomp_emit_jump(p, BPF_JGE, THIS_ARCH_OTHER_ABI, 0, 3);
	seccomp_emit_jump(p, BPF_JEQ, skipped, 1, 0);
	seccomp_emit(p, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	seccomp_emit(p, BPF_RET | BPF_K, otherwise);
}

/* Halves: as deep as the number of calls has bits.
 * NOLINTBEGIN(misc-no-recursion) */

/* How long n ranges become: an answer each, a comparison between two, a long jump where one is needed. */
static size_t length(size_t n)
{
	if (n == 1)
		return 1;
	size_t left = length(n / 2);
	return (left > JUMP ? 2 : 1) + left + length(n - n / 2);
}

static void emit_ranges(struct seccomp_program *p, const struct range *r, size_t n)
{
	if (n == 1) {
		seccomp_emit(p, BPF_RET | BPF_K,
			     r->answer == SECCOMP_REFUSED ? p->refused : r->answer);
		return;
	}
	size_t half = n / 2, left = length(half);
	if (left > JUMP) {
		seccomp_emit_jump(p, BPF_JGE, r[half].from, 0, 1);
		seccomp_emit(p, BPF_JMP | BPF_JA, (uint32_t)left);
	} else {
		seccomp_emit_jump(p, BPF_JGE, r[half].from, (uint8_t)left, 0);
	}
	emit_ranges(p, r, half);
	emit_ranges(p, r + half, n - half);
}
/* NOLINTEND(misc-no-recursion) */

void seccomp_emit_calls(struct seccomp_program *p, const struct seccomp_profile *profile)
{
	uint32_t answers[NUMBERS];
	struct range ranges[NUMBERS + 1];
	answer_of_each(profile, answers);
	size_t n = ranges_of(answers, profile->otherwise, ranges);
	emit_ranges(p, ranges, n);
}
