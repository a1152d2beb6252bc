/*
 * The journal's log as rows (pure): one line a row, with its time in front as the trace writes it
 * (FF_TIMESTAMPS format); a line without one, the last word on a job that lost its worker, is shown
 * as it is. A row is told from the next by the bytes alone, so that a log can be counted again from any
 * row on.
 */
#ifndef PROTOCOL_GITEA_ROWS_H
#define PROTOCOL_GITEA_ROWS_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

/* The bytes of the row that begins at p, its newline included; 0: it is not whole yet. last: nothing
 * follows behind p[0..n). */
size_t gitea_row(const char *p, size_t n, bool last) __attribute__((nonnull));

/* Rows being gathered: JSON objects with commas between. */
struct gitea_rows {
	struct buf json;
	uint64_t n;
};

/* Append the row p[0..n), as gitea_row measured it. now_us: its time if it has none. */
int gitea_rows_add(struct gitea_rows *r, const char *p, size_t n, uint64_t now_us, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
