/* Job inputs: ${{ job.inputs.NAME }} in the texts of a GitLab payload is replaced by their values. */
#ifndef PROTOCOL_GITLAB_INPUTS_H
#define PROTOCOL_GITLAB_INPUTS_H

#include "protocol/json.h"

/* Are the inputs at `at` (a list of {key, value: {type, content, sensitive}}) well formed: each has
 * a key and a content of the type that it announces. */
int gitlab_inputs_check(const struct json_at *at, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/*
 * text with every ${{ job.inputs.NAME }} replaced; .field and [index] go into structs and arrays,
 * str(…) around it is the same; arrays and structs come out as JSON. "\${{" is a literal "${{".
 * Expressions without job.inputs stay as they are; a text without any comes back as it is. NULL
 * with e set: unknown name, a sensitive input (GitLab's runner refuses them too), an expression
 * that is more than a reference.
 */
const char *gitlab_inputs_expand(const json_t *inputs, const char *text, struct arena *a,
				 struct err *e) __attribute__((nonnull, warn_unused_result));

#endif
