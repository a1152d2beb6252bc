/* A step's output on its way to the log, cut into lines: some of them are for the runner. */
#ifndef EXECUTOR_OUTPUT_LINES_H
#define EXECUTOR_OUTPUT_LINES_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

enum {
	OUTPUT_LINE_MAX = 64 << 10,      /* a longer line is not looked at */
	OUTPUT_COMMAND_MAX = 1200 << 10, /* … unless it begins like a command */
};

struct output_line {
	const char *p;
	size_t n;
};

/* Who reads the lines, and where the others go. Lines come without their end. */
struct output_reader {
	void *arg;
	/* Is the line for the reader; is what a line begins with so far. Pure. */
	bool (*meant)(void *arg, const char *line, size_t n);
	bool (*begins)(void *arg, const char *line, size_t n);
	/* A line that is meant. *ret_show: it goes on as it is, behind what the reader has written. */
	int (*take)(void *arg, void *to, const struct output_line *line, bool *ret_show,
		    struct err *e);
	/* Bytes for the log. */
	int (*write)(void *to, const char *p, size_t n, struct err *e);
};

/* One stream. */
struct output_lines {
	const struct output_reader *reader;
	void *to;
	struct buf part; /* the beginning of a line */
	bool passing;    /* the line's beginning has gone on: so does the rest */
	bool dropping;   /* the line was too long for a command */
};

void output_lines_init(struct output_lines *l, const struct output_reader *reader, void *to)
	__attribute__((nonnull));
/* Nothing of a line is held back but what is not ended yet. */
int output_lines_write(struct output_lines *l, const char *p, size_t n, struct err *e)
	__attribute__((nonnull, warn_unused_result));
/* A line that does not end goes on, unless it begins like what is meant. */
int output_lines_quiet(struct output_lines *l, struct err *e)
	__attribute__((nonnull, warn_unused_result));
/* The last line may have no end. Wipes. */
int output_lines_close(struct output_lines *l, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
