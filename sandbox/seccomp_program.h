/* A program for the kernel's filter machine as it is being written. */
#ifndef SANDBOX_SECCOMP_PROGRAM_H
#define SANDBOX_SECCOMP_PROGRAM_H

#include "sandbox/seccomp_table.h"

#include "base/err.h"

#include <linux/filter.h>

/* No program of ours comes near this, which is the kernel's own bound. */
enum { SECCOMP_INSNS = BPF_MAXINSNS };

struct seccomp_program {
	struct sock_filter at[SECCOMP_INSNS];
	size_t n;         /* beyond SECCOMP_INSNS: it did not fit */
	uint32_t refused; /* what SECCOMP_REFUSED becomes */
};

/* Add an instruction; a jump counts from the one after it. */
void seccomp_emit(struct seccomp_program *p, uint16_t code, uint32_t k) __attribute__((nonnull));
void seccomp_emit_jump(struct seccomp_program *p, uint16_t test, uint32_t k, uint8_t yes,
		       uint8_t no) __attribute__((nonnull));

/* Calls of another architecture end the process; the accumulator is the call's number after it. */
void seccomp_emit_head(struct seccomp_program *p, uint32_t otherwise) __attribute__((nonnull));

/* Refuse by arguments (seccomp_arguments) what the profile allows by its number; the accumulator is the
 * number before and after it. */
void seccomp_emit_arguments(struct seccomp_program *p, const struct seccomp_profile *profile)
	__attribute__((nonnull));

/*
 * Which calls there are: the numbers are cut into ranges of one answer each, and a range is found in as
 * many comparisons as a search by halves needs. The kernel runs the program once for each number when it
 * is loaded, so its length on the way to an answer is a price that every start pays; libseccomp takes a
 * millisecond to build the same decisions.
 */
void seccomp_emit_calls(struct seccomp_program *p, const struct seccomp_profile *profile)
	__attribute__((nonnull));

#endif
