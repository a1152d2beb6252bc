#include "executor/glob.h"

#include "base/buf.h"
#include "base/utf8.h"

#include <errno.h>
#include <string.h>

/* --- one name ----------------------------------------------------------------------------------- */

/* The character at *s, which is not '\0'; an invalid byte stands for itself. */
static uint32_t take_char(const char **s)
{
	static const unsigned char first[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	size_t n = utf8_len(*s, strnlen(*s, 4));
	uint32_t c = (unsigned char)**s;
	if (n > 1)
		c &= first[n];
	for (size_t i = 1; i < n; i++)
		c = c << 6 | ((unsigned char)(*s)[i] & 0x3f);
	*s += n ? n : 1;
	return n ? c : c | 0x80000000u;
}

static uint32_t take_literal(const char **p)
{
	if (**p == '\\' && (*p)[1])
		++*p;
	return take_char(p);
}

/* "[a-c]" at *p, its bracket included; it is well formed. Moves *p behind it. */
static bool in_class(const char **p, uint32_t c)
{
	const char *s = *p + 1;
	bool negated = *s == '^' || *s == '!', in = false;
	s += negated;
	for (bool begun = false; *s && (*s != ']' || !begun); begun = true) {
		uint32_t low = take_literal(&s), high = low;
		if (*s == '-' && s[1] && s[1] != ']') {
			s++;
			high = take_literal(&s);
		}
		in |= low <= c && c <= high;
	}
	*p = s + (*s == ']');
	return in != negated;
}

/* One element of the pattern that is no star, against one character. */
static bool one_matches(const char **p, const char **s)
{
	uint32_t c = take_char(s);
	if (**p == '?') {
		++*p;
		return true;
	}
	return **p == '[' ? in_class(p, c) : take_literal(p) == c;
}

/* The last star is the only one that has to be tried again. */
static bool name_matches(const char *p, const char *s)
{
	const char *star = NULL, *from = NULL;
	while (*s) {
		const char *pp = p, *ss = s;
		if (*p == '*') {
			star = ++p;
			from = s;
		} else if (*p && one_matches(&pp, &ss)) {
			p = pp;
			s = ss;
		} else if (star) {
			take_char(&from);
			p = star;
			s = from;
		} else {
			return false;
		}
	}
	return p[strspn(p, "*")] == '\0';
}

static bool is_any(const char *part)
{
	return strcmp(part, "**") == 0;
}

/* --- walking ------------------------------------------------------------------------------------ */

/* "**" may stand for nothing. */
static uint64_t closed(const struct glob_alternative *g, uint64_t at)
{
	for (unsigned i = 0; i < g->nparts; i++)
		if ((at >> i & 1) && is_any(g->parts[i]))
			at |= (uint64_t)1 << (i + 1);
	return at;
}

uint64_t glob_begin(const struct glob_alternative *g)
{
	return closed(g, 1);
}

uint64_t glob_step(const struct glob_alternative *g, uint64_t at, const char *name)
{
	uint64_t next = 0;
	for (unsigned i = 0; i < g->nparts; i++) {
		if (!(at >> i & 1))
			continue;
		if (is_any(g->parts[i]))
			next |= (uint64_t)1 << i;
		else if (name_matches(g->parts[i], name))
			next |= (uint64_t)1 << (i + 1);
	}
	return closed(g, next);
}

bool glob_matched(const struct glob_alternative *g, uint64_t at)
{
	return at >> g->nparts & 1;
}

const char *glob_only(const struct glob_alternative *g, uint64_t at)
{
	if (!at || (at & (at - 1)) || glob_matched(g, at))
		return NULL;
	const char *part = g->parts[__builtin_ctzll(at)];
	return strpbrk(part, "*?[\\") ? NULL : part;
}

static bool alternative_matches(const struct glob_alternative *g, const char *path)
{
	char name[GLOB_PATTERN_MAX];
	uint64_t at = glob_begin(g);
	while (*path && at) {
		size_t n = strcspn(path, "/");
		if (n >= sizeof name)
			return false;
		memcpy(name, path, n);
		name[n] = '\0';
		at = glob_step(g, at, name);
		path += n + (path[n] == '/');
	}
	return glob_matched(g, at);
}

bool glob_match(const struct glob *g, const char *path)
{
	for (size_t i = 0; i < g->n; i++)
		if (alternative_matches(g->alternatives[i], path))
			return true;
	return false;
}

/* --- understanding ------------------------------------------------------------------------------ */

/* Past one element of a pattern: an escaped character, a class, a byte. NULL: malformed. */
static const char *past(const char *p)
{
	if (*p == '\\')
		return p[1] ? p + 2 : NULL;
	if (*p != '[')
		return p + 1;
	p += 1 + (p[1] == '^' || p[1] == '!');
	for (bool begun = false; *p != ']' || !begun; begun = true) {
		if (*p == '\\' && p[1])
			p++;
		if (!*p || *p == '/')
			return NULL;
		p++;
	}
	return p + 1;
}

/* The end of the first pair of braces in text and its beginning; *ret_open NULL: there is none.
 * False: malformed. */
static bool find_braces(const char *text, const char **ret_open, const char **ret_close)
{
	unsigned depth = 0;
	*ret_open = *ret_close = NULL;
	for (const char *p = text; p && *p; p = past(p)) {
		if (*p == '{' && depth++ == 0)
			*ret_open = p;
		if (*p == '}' && depth && --depth == 0) {
			*ret_close = p;
			return true;
		}
		if (!past(p))
			return false;
	}
	return depth == 0;
}

static bool is_literal_name(const char *part)
{
	return !strpbrk(part, "*?[\\");
}

static int add_part(struct glob_alternative *g, const char *part, struct err *e)
{
	if (!*part || strcmp(part, ".") == 0)
		return 0;
	if (strcmp(part, "..") == 0) {
		if (g->nparts == 0)
			return err_set(e, EXDEV, "it is outside of the project directory");
		if (!is_literal_name(g->parts[g->nparts - 1]))
			return err_set(e, EINVAL, "\"..\" behind a pattern");
		g->nparts--;
		return 0;
	}
	if (is_any(part) && g->nparts && is_any(g->parts[g->nparts - 1]))
		return 0;
	if (g->nparts == GLOB_PARTS_MAX)
		return err_set(e, EINVAL, "more than %d names", GLOB_PARTS_MAX);
	g->parts[g->nparts++] = part;
	return 0;
}

/* The beginning of text that is root goes: what is absolute must have it. */
static int make_relative(const char **text, const char *root, struct err *e)
{
	size_t n = strlen(root);
	if (**text != '/')
		return 0;
	if (strncmp(*text, root, n) != 0 || ((*text)[n] && (*text)[n] != '/'))
		return err_set(e, EXDEV, "it is outside of the project directory");
	*text += n;
	return 0;
}

/* A pattern whose braces are not all replaced yet. */
struct folded {
	struct folded *next;
	const char *text;
};

struct compiling {
	struct glob *glob;
	const char *root;
	struct arena *a;
	struct folded first, *last;
	size_t seen;
};

static int add_alternative(struct compiling *c, const char *text, struct err *e)
{
	struct glob_alternative *g = arena_new(c->a, struct glob_alternative, e);
	if (!g || make_relative(&text, c->root, e) < 0)
		return -1;
	char *copy = arena_strdup(c->a, text, e), *rest = NULL;
	if (!copy)
		return -1;
	for (char *part = strtok_r(copy, "/", &rest); part; part = strtok_r(NULL, "/", &rest))
		if (add_part(g, part, e) < 0)
			return -1;
	if (c->glob->n == GLOB_ALTERNATIVES_MAX)
		return err_set(e, EINVAL, "its braces come to more than %d patterns",
			       GLOB_ALTERNATIVES_MAX);
	c->glob->alternatives[c->glob->n++] = g;
	return 0;
}

/* Where the alternative of a pair of braces that begins at p ends: a ',' or the '}'. */
static const char *alternative_end(const char *p)
{
	for (unsigned depth = 0;; p = past(p)) {
		if (depth == 0 && (*p == ',' || *p == '}'))
			return p;
		depth += *p == '{';
		depth -= *p == '}';
	}
}

static int unfold_add(struct compiling *c, const struct buf *text, struct err *e)
{
	struct folded *u = arena_new(c->a, struct folded, e);
	if (!u)
		return -1;
	u->text = arena_strdup(c->a, buf_cstr(text), e);
	c->last->next = u;
	c->last = u;
	if (++c->seen > 4 * GLOB_ALTERNATIVES_MAX)
		return err_set(e, EINVAL, "its braces come to too many patterns");
	return u->text ? 0 : -1;
}

/* text with the braces open..close replaced by each of their alternatives. */
static int unfold(struct compiling *c, const char *text, const char *open, const char *close,
		  struct err *e)
{
	for (const char *from = open + 1, *to;; from = to + 1) {
		autobuf b = BUF(GLOB_PATTERN_MAX);
		to = alternative_end(from);
		if (buf_add(&b, text, (size_t)(open - text), e) < 0 ||
		    buf_add(&b, from, (size_t)(to - from), e) < 0 ||
		    buf_str(&b, close + 1, e) < 0 || unfold_add(c, &b, e) < 0)
			return -1;
		if (to == close)
			return 0;
	}
}

static int compile_all(struct compiling *c, const char *pattern, struct err *e)
{
	c->first = (struct folded){ .text = pattern };
	c->last = &c->first;
	for (struct folded *u = &c->first; u; u = u->next) {
		const char *open, *close;
		if (!find_braces(u->text, &open, &close))
			return err_set(e, EINVAL, "malformed pattern");
		int r = open ? unfold(c, u->text, open, close, e) : add_alternative(c, u->text, e);
		if (r < 0)
			return -1;
	}
	return 0;
}

int glob_compile(struct glob *ret, const char *pattern, const char *root, struct arena *a,
		 struct err *e)
{
	struct glob g = { .text = pattern };
	struct compiling c = { .glob = &g, .root = root, .a = a };
	if (strlen(pattern) >= GLOB_PATTERN_MAX)
		return err_set(e, EINVAL, "pattern of more than %d bytes", GLOB_PATTERN_MAX);
	g.alternatives = (struct glob_alternative **)arena_array(
		a, GLOB_ALTERNATIVES_MAX, sizeof(struct glob_alternative *), e);
	if (!g.alternatives || compile_all(&c, pattern, e) < 0)
		return -1;
	*ret = g;
	return 0;
}
