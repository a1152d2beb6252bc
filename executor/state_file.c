#include "executor/state_file.h"

#include "base/utf8.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

/* --- text ----------------------------------------------------------------------------------------- */

/* A text that is being cut into lines where it stands. */
struct text {
	char *p, *end;
	size_t line; /* of p, from 1 */
};

static uint32_t unit(const unsigned char *u, bool big)
{
	return big ? (uint32_t)(u[0] << 8 | u[1]) : (uint32_t)(u[1] << 8 | u[0]);
}

/* One character of UTF-16 at u[0..n), n >= 2: its bytes there in *ret_used. */
static uint32_t character(const unsigned char *u, size_t n, bool big, size_t *ret_used)
{
	uint32_t c = unit(u, big), low = n >= 4 ? unit(u + 2, big) : 0;
	bool pair = c >= 0xd800 && c < 0xdc00 && low >= 0xdc00 && low < 0xe000;
	*ret_used = pair ? 4 : 2;
	if (pair)
		return 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
	return c >= 0xd800 && c < 0xe000 ? 0xfffd : c;
}

static char *put(char *to, uint32_t c)
{
	static const unsigned char lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	int len = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	for (int i = len - 1; i > 0; i--) {
		to[i] = (char)(0x80 | (c & 0x3f));
		c >>= 6;
	}
	to[0] = (char)(lead[len] | c);
	return to + len;
}

static int from_utf16(const unsigned char *u, size_t n, struct arena *a, struct text *ret,
		      struct err *e)
{
	bool big = u[0] == 0xfe;
	size_t used = 2;
	char *to = arena_alloc(a, n / 2 * 3 + 4, e);
	if (!to)
		return -1;
	ret->p = to;
	for (size_t i = 2; i + 1 < n; i += used)
		to = put(to, character(u + i, n - i, big, &used));
	if (n % 2)
		to = put(to, 0xfffd);
	ret->end = to;
	return 0;
}

/* A copy of the text in UTF-8, with a '\0' behind it. */
static int text_of(const char *s, size_t n, struct arena *a, struct text *ret, struct err *e)
{
	const unsigned char *u = (const unsigned char *)s;
	ret->line = 1;
	if (n > STATE_FILE_MAX)
		return err_set(e, E2BIG, "it has %zu bytes, at most %d", n, STATE_FILE_MAX);
	if (n >= 2 && ((u[0] == 0xff && u[1] == 0xfe) || (u[0] == 0xfe && u[1] == 0xff)))
		return from_utf16(u, n, a, ret, e);
	if (n >= 3 && memcmp(s, "\xef\xbb\xbf", 3) == 0) {
		s += 3;
		n -= 3;
	}
	ret->p = arena_strndup(a, s, n, e);
	ret->end = ret->p ? ret->p + n : NULL;
	return ret->p ? 0 : -1;
}

/* The next line, its n bytes followed by a '\0' in place of its end; NULL: there is none. */
static char *next_line(struct text *t, size_t *ret_n)
{
	char *line = t->p;
	if (line == t->end)
		return NULL;
	char *lf = memchr(line, '\n', (size_t)(t->end - line)), *end = lf ? lf : t->end;
	t->p = lf ? lf + 1 : t->end;
	t->line++;
	if (end > line && end[-1] == '\r')
		end--;
	*end = '\0';
	*ret_n = (size_t)(end - line);
	return line;
}

/* --- pairs ---------------------------------------------------------------------------------------- */

struct filling {
	struct arena *a;
	struct state_pairs *to;
	size_t room;
};

static int add(struct filling *f, const struct state_pair *p, struct err *e)
{
	struct state_pairs *to = f->to;
	if (to->n == STATE_PAIRS_MAX)
		return err_set(e, E2BIG, "it has more than %d entries", STATE_PAIRS_MAX);
	if (to->n == f->room) {
		size_t room = f->room ? 2 * f->room : 8;
		struct state_pair *pairs = arena_array(f->a, room, sizeof *pairs, e);
		if (!pairs)
			return -1;
		if (to->n)
			memcpy(pairs, to->pairs, to->n * sizeof *pairs);
		to->pairs = pairs;
		f->room = room;
	}
	to->pairs[to->n++] = *p;
	return 0;
}

static int check_name(const char *name, size_t n, size_t line, struct err *e)
{
	if (n == 0)
		return err_set(e, EINVAL, "line %zu: a name must not be empty", line);
	if (memchr(name, '\0', n))
		return err_set(e, EINVAL, "line %zu: a name must not hold a NUL", line);
	return 0;
}

/* The lines up to the delimiter. The text between is kept whole: '\r' and NULs are part of it. */
static int heredoc(struct text *t, const char *delimiter, struct state_pair *p, struct err *e)
{
	size_t n, length = strlen(delimiter), begun = t->line - 1;
	char *begin = t->p, *line;
	for (;;) {
		char *at = t->p;
		char *lf = memchr(at, '\n', (size_t)(t->end - at));
		size_t raw = lf ? (size_t)(lf - at) : (size_t)(t->end - at);
		n = raw && at[raw - 1] == '\r' ? raw - 1 : raw;
		if (n == length && memcmp(at, delimiter, n) == 0 && at < t->end)
			break;
		if (!lf)
			return err_set(
				e, EINVAL,
				"line %zu: \"%.80s\" is not closed: no line is its delimiter",
				begun, p->name);
		t->p = lf + 1;
		t->line++;
	}
	char *end = t->p;
	line = next_line(t, &n);
	(void)line;
	end -= end > begin;
	end -= end > begin && end[-1] == '\r';
	*end = '\0';
	p->value = begin;
	p->n = (size_t)(end - begin);
	return 0;
}

/* One line that is not empty, and those that belong to it. */
static int take(struct text *t, char *line, size_t n, struct filling *f, struct err *e)
{
	size_t number = t->line - 1;
	char *equals = memchr(line, '=', n), *two = memmem(line, n, "<<", 2);
	char *split = two && (!equals || two < equals) ? two : equals;
	if (!split)
		return err_set(e, EINVAL, "line %zu: neither NAME=VALUE nor NAME<<DELIMITER",
			       number);
	struct state_pair p = { .name = line, .value = split + 1 };
	p.n = n - (size_t)(p.value - line);
	if (check_name(line, (size_t)(split - line), number, e) < 0)
		return -1;
	*split = '\0';
	if (split != two)
		return add(f, &p, e);
	if (p.n < 2)
		return err_set(e, EINVAL, "line %zu: a delimiter must not be empty", number);
	if (memchr(split + 2, '\0', p.n - 1))
		return err_set(e, EINVAL, "line %zu: a delimiter must not hold a NUL", number);
	return heredoc(t, split + 2, &p, e) < 0 ? -1 : add(f, &p, e);
}

int state_file_pairs(const char *text, size_t n, struct arena *a, struct state_pairs *ret,
		     struct err *e)
{
	struct text t;
	size_t length;
	struct filling f = { .a = a, .to = ret };
	*ret = (struct state_pairs){ .n = 0 };
	if (text_of(text, n, a, &t, e) < 0)
		return -1;
	for (char *line; (line = next_line(&t, &length));)
		if (length && take(&t, line, length, &f, e) < 0)
			return -1;
	return 0;
}

static void forget(struct state_pairs *from, const char *name)
{
	size_t kept = 0;
	for (size_t i = 0; i < from->n; i++)
		if (strcmp(from->pairs[i].name, name) != 0)
			from->pairs[kept++] = from->pairs[i];
	from->n = kept;
}

int state_file_paths(const char *text, size_t n, struct arena *a, struct state_pairs *ret,
		     struct err *e)
{
	struct text t;
	size_t length;
	struct filling f = { .a = a, .to = ret };
	*ret = (struct state_pairs){ .n = 0 };
	if (text_of(text, n, a, &t, e) < 0)
		return -1;
	for (char *line; (line = next_line(&t, &length));) {
		struct state_pair p = { .name = line, .value = "" };
		if (length == 0)
			continue;
		if (check_name(line, length, t.line - 1, e) < 0)
			return -1;
		forget(ret, line);
		if (add(&f, &p, e) < 0)
			return -1;
	}
	return 0;
}

const char *state_file_summary(const char *text, size_t n, struct arena *a, size_t *ret_n,
			       struct err *e)
{
	struct text t;
	if (n > STATE_SUMMARY_MAX) {
		err_set(e, E2BIG, "the step summary has %zu KiB, at most %d", (n + 1023) >> 10,
			STATE_SUMMARY_MAX >> 10);
		return NULL;
	}
	if (text_of(text, n, a, &t, e) < 0)
		return NULL;
	*ret_n = (size_t)(t.end - t.p);
	return t.p;
}

bool state_file_may_set(const char *name)
{
	return strcasecmp(name, "NODE_OPTIONS") != 0 && strncasecmp(name, "GITHUB_", 7) != 0 &&
	       strncasecmp(name, "RUNNER_", 7) != 0;
}
