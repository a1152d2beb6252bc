/* Edits of a configuration's text: lines are put in and taken out, nothing else is touched. */
#ifndef RUNNER_REGISTRATION_EDIT_H
#define RUNNER_REGISTRATION_EDIT_H

#include "base/buf.h"
#include "protocol/yaml.h"
#include "runner/registration.h"

/* A text and the tree that was read from it. */
struct registration_text {
	const char *text;
	size_t n;
	const struct yaml_node *root;
};

/* The text with an item more at the end of "runners"; it is made when absent. */
int registration_edit_add(const struct registration_text *t, const struct registration *r,
			  struct buf *out, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* The text without the lines of item i. */
int registration_edit_remove(const struct registration_text *t, size_t i, struct buf *out,
			     struct err *e) __attribute__((nonnull, warn_unused_result));

/* A key of an item and its new value, written as YAML. */
struct registration_change {
	size_t item;
	const char *key, *value;
};

/* The text with that key set: in its place if it is there, else as the item's last line. */
int registration_edit_set(const struct registration_text *t, const struct registration_change *c,
			  struct buf *out, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
