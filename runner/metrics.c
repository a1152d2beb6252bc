#include "runner/metrics.h"

#include "base/utf8.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LABELS_BYTES = 512, VALUE_BYTES = 128 };

struct series {
	char *labels; /* as they are written: key="value",… */
	double gauge;
	uint64_t count, sum_ms; /* count: a counter's value too */
	uint64_t *buckets;      /* histograms: not cumulative */
};

struct family {
	struct series *series;
	size_t n;
};

struct metrics {
	struct family *families; /* by row */
};

/* --- series ------------------------------------------------------------------------------------- */

static const char dropped[] = "courser_metrics_dropped_total";

static size_t row_of(const char *name)
{
	size_t i = 0;
	while (i < metrics_nrows && strcmp(metrics_rows[i].name, name) != 0)
		i++;
	return i;
}

/* Where the value of a label ends: before ",next=", or at the end of the text. A value may hold commas
 * where no label follows. */
static size_t value_end(const char *value, const char *next)
{
	char mark[80];
	if (!next)
		return strlen(value);
	snprintf(mark, sizeof mark, ",%s=", next);
	const char *at = strstr(value, mark);
	return at ? (size_t)(at - value) : strlen(value);
}

static int add_value(struct buf *out, const char *value, size_t n, struct err *e)
{
	if (n > VALUE_BYTES)
		n = VALUE_BYTES;
	while (n) {
		size_t len = utf8_len(value, n);
		int r;
		if (len == 0)
			r = buf_str(out, UTF8_REPLACEMENT, e);
		else if (*value == '\\' || *value == '"')
			r = buf_printf(out, e, "\\%c", *value);
		else if (*value == '\n')
			r = buf_str(out, "\\n", e);
		else
			r = buf_add(out, value, len, e);
		if (r < 0)
			return -1;
		len = len ? len : 1;
		value += len;
		n -= len;
	}
	return 0;
}

/* One label at *text, as it is written. next: the one that follows, NULL none. */
static int take_label(const char **text, const char *key, const char *next, struct buf *out,
		      struct err *e)
{
	const char *s = *text;
	size_t n = strlen(key);
	if (strncmp(s, key, n) != 0 || s[n] != '=')
		return err_set(e, EINVAL, "labels");
	s += n + 1;
	n = value_end(s, next);
	if (buf_printf(out, e, "%s%s=\"", out->len ? "," : "", key) < 0 ||
	    add_value(out, s, n, e) < 0 || buf_char(out, '"', e) < 0)
		return -1;
	*text = s + n + (s[n] == ',');
	return 0;
}

/* "key=value,…" as it is written, if it has exactly the row's keys. */
static int take_labels(const struct metrics_row *row, const char *labels, struct buf *out,
		       struct err *e)
{
	for (size_t i = 0; i < METRICS_LABELS && row->labels[i]; i++) {
		const char *next = i + 1 < METRICS_LABELS ? row->labels[i + 1] : NULL;
		if (take_label(&labels, row->labels[i], next, out, e) < 0)
			return -1;
	}
	return *labels ? err_set(e, EINVAL, "labels") : 0;
}

static struct series *series_new(struct family *f, const struct metrics_row *row,
				 const char *labels)
{
	struct series *all = f->n < METRICS_SERIES
				     ? realloc(f->series, (f->n + 1) * sizeof *f->series)
				     : NULL;
	if (!all)
		return NULL;
	f->series = all;
	struct series *s = &all[f->n];
	*s = (struct series){ .labels = strdup(labels) };
	if (row->type == METRICS_HISTOGRAM)
		s->buckets = calloc(metrics_nbuckets, sizeof *s->buckets);
	if (!s->labels || (row->type == METRICS_HISTOGRAM && !s->buckets)) {
		free(s->labels);
		free(s->buckets);
		return NULL;
	}
	f->n++;
	return s;
}

static struct series *series_at(struct metrics *m, const char *name, enum metrics_type type,
				const char *labels)
{
	autobuf text = BUF(LABELS_BYTES);
	struct err e = { 0 };
	size_t i = row_of(name);
	if (i == metrics_nrows || metrics_rows[i].type != type ||
	    take_labels(&metrics_rows[i], labels, &text, &e) < 0)
		return NULL;
	struct family *f = &m->families[i];
	for (size_t k = 0; k < f->n; k++)
		if (strcmp(f->series[k].labels, buf_cstr(&text)) == 0)
			return &f->series[k];
	return series_new(f, &metrics_rows[i], buf_cstr(&text));
}

/* --- values ------------------------------------------------------------------------------------- */

struct metrics *metrics_new(struct err *e)
{
	struct metrics *m = calloc(1, sizeof *m);
	if (m)
		m->families = calloc(metrics_nrows, sizeof *m->families);
	if (!m || !m->families) {
		err_set(e, ENOMEM, "out of memory");
		free(m);
		return NULL;
	}
	for (size_t i = 0; i < metrics_nrows; i++)
		if (!metrics_rows[i].labels[0] && metrics_rows[i].type != METRICS_GAUGE)
			series_new(&m->families[i], &metrics_rows[i], "");
	return m;
}

void metrics_free(struct metrics *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < metrics_nrows; i++) {
		for (size_t k = 0; k < m->families[i].n; k++) {
			free(m->families[i].series[k].labels);
			free(m->families[i].series[k].buckets);
		}
		free(m->families[i].series);
	}
	free(m->families);
	free(m);
}

static void drop(struct metrics *m)
{
	struct series *s = series_at(m, dropped, METRICS_COUNTER, "");
	if (s)
		s->count++;
}

void metrics_add(struct metrics *m, const char *name, const char *labels, uint64_t by)
{
	struct series *s = series_at(m, name, METRICS_COUNTER, labels);
	if (s)
		s->count += by;
	else
		drop(m);
}

void metrics_set(struct metrics *m, const char *name, const char *labels, double value)
{
	struct series *s = series_at(m, name, METRICS_GAUGE, labels);
	if (s)
		s->gauge = value;
	else
		drop(m);
}

void metrics_observe(struct metrics *m, const char *name, const char *labels, uint64_t ms)
{
	struct series *s = series_at(m, name, METRICS_HISTOGRAM, labels);
	if (!s || !s->buckets) {
		drop(m);
		return;
	}
	size_t i = 0;
	while (ms > metrics_buckets[i].ms)
		i++;
	s->buckets[i]++;
	s->count++;
	s->sum_ms += ms;
}

/* --- text --------------------------------------------------------------------------------------- */

static const char *const type_names[] = {
	[METRICS_COUNTER] = "counter",
	[METRICS_GAUGE] = "gauge",
	[METRICS_HISTOGRAM] = "histogram",
};

/* name{labels} */
static int say_name(struct buf *out, const char *name, const struct series *s, struct err *e)
{
	if (s->labels[0])
		return buf_printf(out, e, "%s{%s} ", name, s->labels);
	return buf_printf(out, e, "%s ", name);
}

static int say_counter(struct buf *out, const char *name, const struct series *s, struct err *e)
{
	return say_name(out, name, s, e) < 0 ? -1 : buf_printf(out, e, "%" PRIu64 "\n", s->count);
}

static int say_gauge(struct buf *out, const char *name, const struct series *s, struct err *e)
{
	bool whole = s->gauge > -1e15 && s->gauge < 1e15 && (double)(int64_t)s->gauge == s->gauge;
	if (say_name(out, name, s, e) < 0)
		return -1;
	return buf_printf(out, e, whole ? "%.0f\n" : "%.15g\n", s->gauge);
}

static int say_histogram(struct buf *out, const char *name, const struct series *s, struct err *e)
{
	const char *open = s->labels[0] ? "{" : "", *close = s->labels[0] ? "}" : "";
	uint64_t below = 0;
	for (size_t i = 0; i < metrics_nbuckets; i++) {
		below += s->buckets[i];
		if (buf_printf(out, e, "%s_bucket{%s%sle=\"%s\"} %" PRIu64 "\n", name, s->labels,
			       s->labels[0] ? "," : "", metrics_buckets[i].le, below) < 0)
			return -1;
	}
	return buf_printf(out, e,
			  "%s_sum%s%s%s %" PRIu64 ".%03" PRIu64 "\n%s_count%s%s%s %" PRIu64 "\n",
			  name, open, s->labels, close, s->sum_ms / 1000, s->sum_ms % 1000, name,
			  open, s->labels, close, s->count);
}

static int (*const says[])(struct buf *out, const char *name, const struct series *s,
			   struct err *e) = {
	[METRICS_COUNTER] = say_counter,
	[METRICS_GAUGE] = say_gauge,
	[METRICS_HISTOGRAM] = say_histogram,
};

static int say_family(struct buf *out, const struct metrics_row *row, const struct family *f,
		      bool open_metrics, struct err *e)
{
	size_t n = strlen(row->name);
	if (open_metrics && row->type == METRICS_COUNTER)
		n -= strlen("_total");
	if (buf_printf(out, e, "# HELP %.*s %s\n# TYPE %.*s %s\n", (int)n, row->name, row->help,
		       (int)n, row->name, type_names[row->type]) < 0)
		return -1;
	for (size_t i = 0; i < f->n; i++)
		if (says[row->type](out, row->name, &f->series[i], e) < 0)
			return -1;
	return 0;
}

int metrics_text(const struct metrics *m, bool open_metrics, struct buf *out, struct err *e)
{
	for (size_t i = 0; i < metrics_nrows; i++)
		if (m->families[i].n &&
		    say_family(out, &metrics_rows[i], &m->families[i], open_metrics, e) < 0)
			return -1;
	return open_metrics ? buf_str(out, "# EOF\n", e) : 0;
}
