/* What a courier needs of a job's payload, as much as can be had, even of a broken one. */
#ifndef PROTOCOL_GITLAB_ENVELOPE_H
#define PROTOCOL_GITLAB_ENVELOPE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GITLAB_ENVELOPE_TEXT = 1024 };

/* Zero and "" where the payload does not say. */
struct gitlab_envelope {
	uint64_t id, project_id;
	uint64_t timeout_s; /* runner_info.timeout; 0 when it is not positive */
	char token[GITLAB_ENVELOPE_TEXT];
	char project_path[GITLAB_ENVELOPE_TEXT];
	bool protected_ref;
};

/*
 * Read text[0..n), which may be cut off or malformed behind what is found: no memory is allocated
 * and nothing is copied but the fields. -1 with e saying which of id and token is not there; ret
 * holds what was found all the same. A token with a control byte is none.
 */
int gitlab_envelope(const char *text, size_t n, struct gitlab_envelope *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
