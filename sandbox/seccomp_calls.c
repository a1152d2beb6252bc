#include "sandbox/seccomp_calls.h"

#include "sandbox/seccomp.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>

#if defined(__aarch64__)
enum { THIS_ARCH_OTHER_ABI = 0 };
static const uint32_t this_arch = AUDIT_ARCH_AARCH64;
#else
enum { THIS_ARCH_OTHER_ABI = 0x40000000 }; /* x32: other calls under the same architecture */
static const uint32_t this_arch = AUDIT_ARCH_X86_64;
#endif

/* Numbers end below NUMBERS. A block of BLOCK ranges is at most 2 * BLOCK - 1 instructions, which a
 * conditional jump (one byte) can pass. */
enum { NUMBERS = 1024, BLOCK = 64, HEAD = 8 };

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
		for (const char *const *name = p->groups[g].names; *name; name++) {
			int number;
			bool known;
			if (!seccomp_number(*name, &number, &known) || number >= NUMBERS ||
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

static void emit(struct sock_fprog *p, uint16_t code, uint32_t k)
{
	p->filter[p->len++] = (struct sock_filter)BPF_STMT(code, k);
}

static void emit_jump(struct sock_fprog *p, uint16_t test, uint32_t k, uint8_t yes, uint8_t no)
{
	p->filter[p->len++] = (struct sock_filter)BPF_JUMP((uint16_t)(BPF_JMP | test | BPF_K), k,
							   yes, no);
}

static void emit_head(struct sock_fprog *p, uint32_t otherwise)
{
	emit(p, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
	emit_jump(p, BPF_JEQ, this_arch, 1, 0);
	emit(p, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	emit(p, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	if (!THIS_ARCH_OTHER_ABI)
		return;
	emit_jump(p, BPF_JGE, THIS_ARCH_OTHER_ABI, 0, 3);
	emit_jump(p, BPF_JEQ, skipped, 1, 0);
	emit(p, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	emit(p, BPF_RET | BPF_K, otherwise);
}

/* Ranges r[0..n): "if at or past the end of this range, go on; else this is the answer". */
static void emit_block(struct sock_fprog *p, const struct range *r, size_t n)
{
	for (size_t i = 0; i + 1 < n; i++) {
		emit_jump(p, BPF_JGE, r[i + 1].from, 1, 0);
		emit(p, BPF_RET | BPF_K, r[i].answer);
	}
	emit(p, BPF_RET | BPF_K, r[n - 1].answer);
}

static void emit_ranges(struct sock_fprog *p, const struct range *r, size_t n)
{
	while (n > BLOCK) {
		emit_jump(p, BPF_JGE, r[BLOCK].from, 2 * BLOCK - 1, 0);
		emit_block(p, r, BLOCK);
		r += BLOCK;
		n -= BLOCK;
	}
	emit_block(p, r, n);
}

int seccomp_calls(const struct seccomp_profile *p, struct sock_fprog *ret, struct err *e)
{
	uint32_t answers[NUMBERS];
	struct range ranges[NUMBERS + 1];
	answer_of_each(p, answers);
	size_t n = ranges_of(answers, p->otherwise, ranges);
	struct sock_fprog prog = { .filter = calloc(HEAD + 2 * n + n / BLOCK + 1,
						    sizeof(struct sock_filter)) };
	if (!prog.filter)
		return err_set(e, ENOMEM, "out of memory");
	emit_head(&prog, p->otherwise);
	emit_ranges(&prog, ranges, n);
	*ret = prog;
	return 0;
}
