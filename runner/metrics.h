/*
 * Counters, gauges and histograms, and how they are written for Prometheus. Which there are is one
 * table (metrics_table.c); label values come from closed sets, and what fits no row, or has one series
 * too many, is dropped and counted.
 */
#ifndef RUNNER_METRICS_H
#define RUNNER_METRICS_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum metrics_type { METRICS_COUNTER, METRICS_GAUGE, METRICS_HISTOGRAM };

enum { METRICS_LABELS = 3, METRICS_SERIES = 1024 };

/* A family. Labels in their order. Without labels it is there from the start, as 0. */
struct metrics_row {
	const char *name; /* counters end in "_total" */
	enum metrics_type type;
	const char *help;
	const char *labels[METRICS_LABELS];
};

extern const struct metrics_row metrics_rows[];
extern const size_t metrics_nrows;

/* Upper bounds of the histograms' buckets, rising; the last is +Inf. */
struct metrics_bucket {
	uint64_t ms;
	const char *le;
};
extern const struct metrics_bucket metrics_buckets[];
extern const size_t metrics_nbuckets;

struct metrics;

struct metrics *metrics_new(struct err *e) __attribute__((nonnull, warn_unused_result));
void metrics_free(struct metrics *m);

/* labels: "key=value,key=value" with the row's keys in their order, "" for none. */
void metrics_add(struct metrics *m, const char *name, const char *labels, uint64_t by)
	__attribute__((nonnull));
void metrics_set(struct metrics *m, const char *name, const char *labels, double value)
	__attribute__((nonnull));
void metrics_observe(struct metrics *m, const char *name, const char *labels, uint64_t ms)
	__attribute__((nonnull));

/* All of it: the text format 0.0.4, or OpenMetrics 1.0.0. */
int metrics_text(const struct metrics *m, bool open_metrics, struct buf *out, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
