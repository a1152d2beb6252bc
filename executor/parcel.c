#include "executor/parcel.h"

#include "base/str.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* Where reading stands: the lists grow as their lines come. */
struct reading {
	struct parcel p;
	const char **paths, **excludes;
};

struct row {
	const char *key;
	int (*take)(struct reading *r, const char *value, struct err *e);
};

static int take_tree(struct reading *r, const char *v, struct err *e)
{
	r->p.tree = v;
	return *v == '/' ? 0 : err_set(e, EINVAL, "not absolute");
}

static int take_name(struct reading *r, const char *v, struct err *e)
{
	(void)e;
	r->p.name = v;
	return 0;
}

static int take_format(struct reading *r, const char *v, struct err *e)
{
	(void)e;
	r->p.format = v;
	return 0;
}

static int take_level(struct reading *r, const char *v, struct err *e)
{
	(void)e;
	r->p.level = v;
	return 0;
}

static int take_predicate(struct reading *r, const char *v, struct err *e)
{
	(void)e;
	r->p.predicate = v;
	return 0;
}

static int take_untracked(struct reading *r, const char *v, struct err *e)
{
	return str_bool(v, &r->p.untracked) ? 0 : err_set(e, EINVAL, "not a boolean");
}

static int take_limit(struct reading *r, const char *v, struct err *e)
{
	return str_u64(v, UINT64_MAX, &r->p.limit) ? 0 : err_set(e, EINVAL, "not a number");
}

static int take_path(struct reading *r, const char *v, struct err *e)
{
	if (r->p.npaths == PARCEL_PATTERNS_MAX)
		return err_set(e, E2BIG, "more than %d", PARCEL_PATTERNS_MAX);
	r->paths[r->p.npaths++] = v;
	return 0;
}

static int take_exclude(struct reading *r, const char *v, struct err *e)
{
	if (r->p.nexcludes == PARCEL_PATTERNS_MAX)
		return err_set(e, E2BIG, "more than %d", PARCEL_PATTERNS_MAX);
	r->excludes[r->p.nexcludes++] = v;
	return 0;
}

static const struct row rows[] = {
	{ "tree", take_tree },           { "name", take_name },   { "format", take_format },
	{ "level", take_level },         { "limit", take_limit }, { "predicate", take_predicate },
	{ "untracked", take_untracked }, { "path", take_path },   { "exclude", take_exclude },
};

static int put(struct buf *out, const char *key, const char *value, struct err *e)
{
	if (buf_printf(out, e, "%s=", key) < 0 || str_quote(out, value, strlen(value), e) < 0)
		return -1;
	return buf_char(out, '\n', e);
}

static int put_all(struct buf *out, const char *key, const char *const *values, size_t n,
		   struct err *e)
{
	for (size_t i = 0; i < n; i++)
		if (put(out, key, values[i], e) < 0)
			return -1;
	return 0;
}

int parcel_write(const struct parcel *p, struct buf *out, struct err *e)
{
	const char *const texts[][2] = {
		{ "tree", p->tree },           { "name", p->name },
		{ "format", p->format },       { "level", p->level },
		{ "predicate", p->predicate }, { "untracked", p->untracked ? "true" : "false" },
	};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (put(out, texts[i][0], texts[i][1], e) < 0)
			return -1;
	if (buf_printf(out, e, "limit=%" PRIu64 "\n", p->limit) < 0 ||
	    put_all(out, "path", p->paths, p->npaths, e) < 0)
		return -1;
	return put_all(out, "exclude", p->excludes, p->nexcludes, e);
}

static int take_line(struct reading *r, const char **text, struct arena *a, struct err *e)
{
	autobuf value = BUF(PARCEL_BYTES_MAX);
	const char *key = *text;
	size_t n = strcspn(key, "=\n"), i = 0;
	while (i < sizeof rows / sizeof *rows &&
	       (strlen(rows[i].key) != n || strncmp(rows[i].key, key, n) != 0))
		i++;
	if (key[n] != '=' || i == sizeof rows / sizeof *rows)
		return err_set(e, EINVAL, "parcel: unknown key");
	*text += n + 1;
	if (!str_unquote(text, &value) || **text != '\n')
		return err_set(e, EINVAL, "parcel: malformed value of %s", rows[i].key);
	++*text;
	const char *copy = arena_strndup(a, buf_cstr(&value), value.len, e);
	if (!copy)
		return -1;
	return rows[i].take(r, copy, e) < 0 ? err_wrap(e, "parcel: %s", rows[i].key) : 0;
}

int parcel_read(const char *text, struct arena *a, struct parcel *ret, struct err *e)
{
	struct reading r = { .p = { "", "", "", "", "", NULL, NULL, 0, 0, false, 0 } };
	r.paths = (const char **)arena_array(a, PARCEL_PATTERNS_MAX, sizeof *r.paths, e);
	r.excludes = (const char **)arena_array(a, PARCEL_PATTERNS_MAX, sizeof *r.excludes, e);
	if (!r.paths || !r.excludes)
		return -1;
	while (*text)
		if (take_line(&r, &text, a, e) < 0)
			return -1;
	r.p.paths = r.paths;
	r.p.excludes = r.excludes;
	*ret = r.p;
	return 0;
}
