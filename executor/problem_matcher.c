#include "executor/problem_matcher.h"

#include "base/str.h"
#include "executor/fold.h"
#include "executor/problem_set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LINE_BYTES = 1 << 20 };

struct problem_matchers *problem_matchers_new(struct err *e)
{
	struct problem_matchers *m = calloc(1, sizeof *m);
	if (!m) {
		err_set(e, ENOMEM, "out of memory for problem matchers");
		return NULL;
	}
	m->plain = (struct buf)BUF(PROBLEM_LINE_MAX);
	m->line = (struct arena)ARENA(LINE_BYTES);
	return m;
}

static void forget(struct problem_running *r)
{
	for (size_t i = 0; i < PROBLEM_FIELDS; i++)
		free(r->value[i]);
	*r = (struct problem_running){ .on = false };
}

void problem_matcher_reset(struct problem_matcher *m)
{
	for (size_t i = 0; i < m->n; i++)
		forget(&m->state[i]);
}

void problem_matcher_free(struct problem_matcher *m)
{
	if (!m)
		return;
	problem_matcher_reset(m);
	for (size_t i = 0; i < m->n; i++)
		regexp_free(m->patterns[i].regexp);
	free(m->owner);
	free(m->severity);
	free(m->from_path);
	free(m);
}

void problem_matchers_free(struct problem_matchers *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->n; i++)
		problem_matcher_free(m->list[i]);
	buf_done(&m->plain);
	arena_done(&m->line);
	free(m);
}

size_t problem_matchers_count(const struct problem_matchers *m)
{
	return m->n;
}

size_t problem_matchers_find(const struct problem_matchers *m, const char *owner)
{
	size_t i = 0, n = strlen(owner);
	while (i < m->n && !fold_equal(m->list[i]->owner, strlen(m->list[i]->owner), owner, n))
		i++;
	return i;
}

static void take_out(struct problem_matchers *m, size_t i)
{
	problem_matcher_free(m->list[i]);
	m->n--;
	memmove(&m->list[i], &m->list[i + 1], (m->n - i) * sizeof(struct problem_matcher *));
}

void problem_matchers_remove(struct problem_matchers *m, const char *owner)
{
	size_t i = problem_matchers_find(m, owner);
	if (i < m->n)
		take_out(m, i);
}

/* --- a line --------------------------------------------------------------------------------------- */

/* The length of the control sequence (ECMA-48: "ESC [ … m" and its kind) at s[0..n), 0: none. */
static size_t sequence(const char *s, size_t n)
{
	size_t i = 2;
	if (n < 2 || memcmp(s, "\033[", 2) != 0)
		return 0;
	while (i < n && s[i] >= 0x20 && s[i] <= 0x3f)
		i++;
	return i + (i < n && s[i] >= 0x40 && s[i] <= 0x7e);
}

/* The line without its colours and its CR, cut where it gets too long. */
static int strip(struct buf *to, const char *s, size_t n, struct err *e)
{
	buf_clear(to);
	n -= n && s[n - 1] == '\r';
	while (n && to->len < PROBLEM_LINE_MAX) {
		size_t skip = sequence(s, n);
		if (!skip && buf_char(to, *s, e) < 0)
			return -1;
		skip = skip ? skip : 1;
		s += skip;
		n -= skip;
	}
	return 0;
}

/* What a pattern says after it has matched, behind what those before it have said. */
static int found(const struct problem_pattern *p, const char *line,
		 const struct problem_running *before, struct problem_running *ret, struct err *e)
{
	for (size_t i = 0; i < PROBLEM_FIELDS; i++) {
		size_t from = 0, to = 0;
		const char *value = before ? before->value[i] : NULL;
		if (!value && p->group[i] < 0)
			continue;
		if (!value && !regexp_group(p->regexp, (unsigned)p->group[i], &from, &to))
			from = to = 0;
		ret->value[i] = value ? strdup(value) : strndup(line + from, to - from);
		if (!ret->value[i])
			return err_set(e, ENOMEM, "out of memory for a problem");
	}
	ret->on = true;
	return 0;
}

/* Behind the last pattern's match: a loop goes on from the one before it. */
static void complete(struct problem_matcher *m)
{
	size_t last = m->n - 1;
	struct problem_running keep = { .on = false };
	if (m->patterns[last].loop) {
		keep = m->state[last - 1];
		m->state[last - 1] = (struct problem_running){ .on = false };
	}
	problem_matcher_reset(m);
	if (keep.on)
		m->state[last - 1] = keep;
}

/* Pattern i on the line. 1: it was the last and matched, ret is what was found. */
static int try(struct problem_matcher *m, size_t i, const struct buf *line,
	       struct problem_running *ret, struct err *e)
{
	struct problem_running *before = i ? &m->state[i - 1] : NULL;
	bool last = i + 1 == m->n;
	if (before && !before->on)
		return 0;
	int matched = regexp_match(m->patterns[i].regexp, buf_cstr(line), line->len, e);
	if (matched < 0)
		return -1;
	if (!matched) {
		if (!last)
			forget(&m->state[i]);
		else if (before)
			forget(before);
		return 0;
	}
	struct problem_running now = { .on = false };
	if (found(&m->patterns[i], buf_cstr(line), before, &now, e) < 0) {
		forget(&now);
		return -1;
	}
	if (last) {
		complete(m);
		*ret = now;
		return 1;
	}
	forget(&m->state[i]);
	m->state[i] = now;
	return 0;
}

static uint64_t cpu_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* The last pattern first: a line can end one problem and begin the next. The steps of a match bound
 * what a short line can cost. */
static int match(struct problem_matcher *m, const struct buf *line, struct problem_running *ret,
		 struct err *e)
{
	bool timed = line->len > PROBLEM_TIMED_LINE;
	uint64_t from = timed ? cpu_ms() : 0;
	int r = 0;
	for (size_t i = m->n; r == 0 && i > 0; i--)
		r = try(m, i - 1, line, ret, e);
	m->slow += timed && cpu_ms() - from > PROBLEM_SLOW_MS;
	if (r == 0 && m->slow >= PROBLEM_SLOW_TIMES)
		return err_set(e, ETIMEDOUT, "it is too slow");
	return r;
}

/* --- a problem ------------------------------------------------------------------------------------ */

static uint32_t number(const char *s)
{
	uint64_t n = 0;
	return s && str_u64(s, INT32_MAX, &n) ? (uint32_t)n : 0;
}

static bool is_blank(const char *s)
{
	return !s || s[strspn(s, " \t\v\f\r\n")] == '\0';
}

static bool severity_of(const char *s, enum annotation_severity *ret)
{
	static const struct {
		const char *name;
		enum annotation_severity severity;
	} all[] = { { "", ANNOTATION_ERROR },
		    { "error", ANNOTATION_ERROR },
		    { "warning", ANNOTATION_WARNING },
		    { "notice", ANNOTATION_NOTICE } };
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (fold_equal(s, strlen(s), all[i].name, strlen(all[i].name))) {
			*ret = all[i].severity;
			return true;
		}
	return false;
}

/* Beneath the directory of the file that fromPath names. */
static const char *file_of(const char *file, const char *from, struct arena *a, struct err *e)
{
	const char *slash = is_blank(from) ? NULL : strrchr(from, '/');
	if (is_blank(file))
		return "";
	if (*file == '/' || !slash)
		return arena_strdup(a, file, e);
	return arena_printf(a, e, "%.*s/%s", (int)(slash - from), from, file);
}

static const char *code_of(const char *code, struct arena *a, struct err *e)
{
	if (is_blank(code))
		return "";
	code += strspn(code, " \t");
	size_t n = strlen(code);
	while (n && strchr(" \t", code[n - 1]))
		n--;
	return arena_strndup(a, code, n, e);
}

/* 1 a remark, 0 none: it has no message, or a severity that nobody knows. */
static int remark(const struct problem_matcher *m, const struct problem_running *r, struct arena *a,
		  struct annotation *ret, struct err *e)
{
	const char *const *v = (const char *const *)r->value;
	const char *severity = v[PROBLEM_SEVERITY], *from = v[PROBLEM_FROM_PATH];
	struct annotation made = { .title = "" };
	severity = severity && *severity ? severity : m->severity;
	from = from && *from ? from : m->from_path;
	if (is_blank(v[PROBLEM_MESSAGE]) || !severity_of(severity, &made.severity))
		return 0;
	made.message = arena_strdup(a, v[PROBLEM_MESSAGE], e);
	made.file = file_of(v[PROBLEM_FILE], from, a, e);
	made.code = code_of(v[PROBLEM_CODE], a, e);
	if (!made.message || !made.file || !made.code)
		return -1;
	made.line = number(v[PROBLEM_LINE]);
	made.column = made.line ? number(v[PROBLEM_COLUMN]) : 0;
	*ret = made;
	return 1;
}

/* One matcher on the line. What it completes ends what the others have begun. */
static int ask(struct problem_matchers *m, size_t i, struct annotation *ret, struct err *e)
{
	struct problem_running r = { .on = false };
	int matched = match(m->list[i], &m->plain, &r, e);
	if (matched <= 0)
		return matched;
	for (size_t k = 0; k < m->n; k++)
		if (k != i)
			problem_matcher_reset(m->list[k]);
	matched = remark(m->list[i], &r, &m->line, ret, e);
	forget(&r);
	return matched;
}

int problem_matchers_line(struct problem_matchers *m, const char *line, size_t n,
			  struct annotation *ret, struct err *e)
{
	arena_done(&m->line);
	if (m->n == 0)
		return 0;
	if (strip(&m->plain, line, n, e) < 0)
		return -1;
	for (size_t i = 0; i < m->n; i++) {
		int r = ask(m, i, ret, e);
		if (r < 0) {
			err_wrap(e, "problem matcher \"%.80s\" is taken out", m->list[i]->owner);
			take_out(m, i);
		}
		if (r)
			return r;
	}
	return 0;
}
