/* What tells one machine from another that uses the same token: GitLab's system_id. */
#ifndef RUNNER_SYSTEM_ID_H
#define RUNNER_SYSTEM_ID_H

#include "base/err.h"

enum { SYSTEM_ID_SIZE = 15 }; /* "s_" and 12 hex digits, or "r_" and 12 letters and digits */

/*
 * The id that is kept in the state directory dir (".runner_system_id", 0600); where there is none or
 * it is damaged, a new one, kept from then on: derived from the machine id if this machine has one
 * (as gitlab-runner derives it, so that it stays the same after a change of runner), else random.
 * -1 with e set when it cannot be kept; ret is good then all the same.
 */
int system_id_load(int dir, char ret[SYSTEM_ID_SIZE], struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* The id that belongs to a machine id (a line of text, its newline not counted). */
void system_id_derive(const char *machine_id, char ret[SYSTEM_ID_SIZE]) __attribute__((nonnull));

#endif
