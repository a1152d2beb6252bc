/* From YAML nodes and -o texts to the structs of runner/config.h. */
#ifndef RUNNER_CONFIG_READ_H
#define RUNNER_CONFIG_READ_H

#include "protocol/yaml.h"
#include "runner/config.h"

/* The structs while they are being filled. */
struct config_reading {
	struct config *config;
	struct config_runner *runners;   /* config->runners, writable */
	struct config_profile *profiles; /* config->profiles, writable */
	const struct yaml_node **places; /* of each runner in the file */
	struct arena *arena;
	struct config_errors *errors;
};

/* Everything of the file; what is wrong goes to r->errors. -1 only when memory is up. */
int config_read_file(struct config_reading *r, const struct yaml_node *root, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Where item i of a list that was read is: in a mapping its value. The list itself when it has no such item. */
const struct yaml_node *config_item_at(const struct yaml_node *list, size_t i)
	__attribute__((nonnull));

/* "concurrent=4", "runners.0.limit=2", "runners.NAME.limit=2". A list is replaced by the first of
 * all[0..i] with its key and grows by each further one; text is all[i]. */
void config_read_override(struct config_reading *r, const char *const *all, size_t i)
	__attribute__((nonnull));

#endif
