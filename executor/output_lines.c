#include "executor/output_lines.h"

#include <string.h>

void output_lines_init(struct output_lines *l, const struct output_reader *reader, void *to)
{
	*l = (struct output_lines){ .reader = reader, .to = to, .part = BUF(OUTPUT_COMMAND_MAX) };
}

static int pass(struct output_lines *l, const char *p, size_t n, struct err *e)
{
	return n ? l->reader->write(l->to, p, n, e) : 0;
}

/* A whole line with its end, or the last one without. */
static int take(struct output_lines *l, const char *line, size_t n, struct err *e)
{
	bool show = true;
	size_t text = n - (n && line[n - 1] == '\n');
	text -= text && line[text - 1] == '\r';
	struct output_line cut = { line, text };
	if (l->reader->take(l->reader->arg, l->to, &cut, &show, e) < 0)
		return -1;
	return show ? pass(l, line, n, e) : 0;
}

static bool meant(const struct output_lines *l, const char *line, size_t n)
{
	return n <= OUTPUT_COMMAND_MAX && l->reader->meant(l->reader->arg, line, n);
}

/* Whole lines that lie in p[0..n): what is meant is taken, the rest goes on as few pieces. */
static int whole(struct output_lines *l, const char *p, size_t n, struct err *e)
{
	const char *end = p + n, *from = p;
	while (p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		size_t len = (size_t)(nl - p);
		if (meant(l, p, len)) {
			if (pass(l, from, (size_t)(p - from), e) < 0 || take(l, p, len + 1, e) < 0)
				return -1;
			from = nl + 1;
		}
		p = nl + 1;
	}
	return pass(l, from, (size_t)(end - from), e);
}

static int drop(struct output_lines *l, struct err *e)
{
	static const char words[] =
		"##[error]a workflow command is longer than 1 MiB and was not carried out\n";
	l->dropping = true;
	buf_wipe(&l->part);
	return pass(l, words, sizeof words - 1, e);
}

/* More of a line whose end is not there: kept, unless it is too long to be looked at. */
static int keep(struct output_lines *l, const char *p, size_t n, struct err *e)
{
	bool longer = l->part.len + n > OUTPUT_LINE_MAX;
	if (l->dropping)
		return 0;
	if (l->passing)
		return pass(l, p, n, e);
	if (!longer || (l->part.len && l->reader->begins(l->reader->arg, l->part.p, l->part.len)) ||
	    (!l->part.len && l->reader->begins(l->reader->arg, p, n)))
		return l->part.len + n > OUTPUT_COMMAND_MAX ? drop(l, e)
							    : buf_add(&l->part, p, n, e);
	l->passing = true;
	if (pass(l, buf_cstr(&l->part), l->part.len, e) < 0)
		return -1;
	buf_clear(&l->part);
	return pass(l, p, n, e);
}

/* The end of the line that is held: n bytes with its '\n'. */
static int finish(struct output_lines *l, const char *p, size_t n, struct err *e)
{
	int r = keep(l, p, n, e);
	if (r == 0 && l->part.len)
		r = meant(l, l->part.p, l->part.len - 1) ? take(l, l->part.p, l->part.len, e)
							 : pass(l, l->part.p, l->part.len, e);
	buf_clear(&l->part);
	l->passing = l->dropping = false;
	return r;
}

int output_lines_write(struct output_lines *l, const char *p, size_t n, struct err *e)
{
	const char *last = memrchr(p, '\n', n);
	if (last && (l->part.len || l->passing || l->dropping)) {
		const char *nl = memchr(p, '\n', n);
		size_t len = (size_t)(nl - p) + 1;
		if (finish(l, p, len, e) < 0)
			return -1;
		p += len;
		n -= len;
	}
	size_t lines = last && p <= last ? (size_t)(last - p) + 1 : 0;
	if (whole(l, p, lines, e) < 0)
		return -1;
	return n > lines ? keep(l, p + lines, n - lines, e) : 0;
}

int output_lines_quiet(struct output_lines *l, struct err *e)
{
	if (!l->part.len || l->reader->begins(l->reader->arg, l->part.p, l->part.len))
		return 0;
	l->passing = true;
	int r = pass(l, l->part.p, l->part.len, e);
	buf_clear(&l->part);
	return r;
}

int output_lines_close(struct output_lines *l, struct err *e)
{
	int r = 0;
	if (l->part.len)
		r = meant(l, l->part.p, l->part.len) ? take(l, l->part.p, l->part.len, e)
						     : pass(l, l->part.p, l->part.len, e);
	buf_wipe(&l->part);
	return r;
}
