/* How GitLab's log view wants the runner's own lines: escape sequences and sections. Pure. */
#ifndef PROTOCOL_GITLAB_MARK_H
#define PROTOCOL_GITLAB_MARK_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

enum gitlab_mark {
	GITLAB_MARK_PLAIN,
	GITLAB_MARK_TITLE,   /* a stage begins: bold cyan */
	GITLAB_MARK_NOTICE,  /* bold green */
	GITLAB_MARK_WARNING, /* yellow */
	GITLAB_MARK_ERROR,   /* bold red */
	GITLAB_MARKS
};

/* text as one line with its newline, in that style. */
int gitlab_mark_line(struct buf *out, enum gitlab_mark style, const char *text, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/*
 * The beginning or end of section `name` (what is not [A-Za-z0-9_.-] becomes '_'). No newline: text
 * goes on in the same line. options: "hide_duration=true,collapsed=true" or "" (start only).
 */
int gitlab_mark_section(struct buf *out, bool start, const char *name, uint64_t unix_s,
			struct err *e) __attribute__((nonnull, warn_unused_result));
int gitlab_mark_section_with(struct buf *out, const char *name, uint64_t unix_s,
			     const char *options, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
