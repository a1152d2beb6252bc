/* The JSON file of problem matchers. */
#include "executor/problem_set.h"

#include "executor/expr_json.h"
#include "executor/fold.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_BYTES = 64 << 20 };

static const char *const field_names[PROBLEM_FIELDS] = { "file", "line",    "column",  "severity",
							 "code", "message", "fromPath" };

static const struct expr_value *member(const struct expr_value *object, const char *key)
{
	const struct expr_value *v = expr_object_get(object, key, strlen(key));
	return v ? v : &expr_null;
}

/* A text, "" when it is absent. */
static int take_text(const struct expr_value *object, const char *key, char **ret, struct err *e)
{
	const struct expr_value *v = member(object, key);
	if (v->kind != EXPR_STRING && v->kind != EXPR_NULL)
		return err_set(e, EINVAL, "%s: not a text", key);
	if (v->kind == EXPR_STRING && memchr(v->text, '\0', v->n))
		return err_set(e, EINVAL, "%s: it must not hold a NUL", key);
	*ret = strdup(v->kind == EXPR_STRING ? v->text : "");
	return *ret ? 0 : err_set(e, ENOMEM, "out of memory");
}

static int take_list(const struct expr_value *object, const char *key,
		     const struct expr_value **ret, struct err *e)
{
	*ret = member(object, key);
	if ((*ret)->kind != EXPR_ARRAY)
		return err_set(e, EINVAL, "%s: not a list", key);
	return 0;
}

/* The group of a field, which no pattern before has set. */
static int take_group(const struct expr_value *object, enum problem_field f, unsigned groups,
		      int *ret, struct err *e)
{
	const struct expr_value *v = member(object, field_names[f]);
	double d = expr_as_number(v);
	*ret = -1;
	if (v->kind == EXPR_NULL)
		return 0;
	if ((v->kind != EXPR_NUMBER && v->kind != EXPR_STRING) || !(d >= 0 && d <= groups) ||
	    d > (double)(int)d)
		return err_set(e, EINVAL, "%s: the expression has no such group (it has 0 to %u)",
			       field_names[f], groups);
	*ret = (int)d;
	return 0;
}

static int take_pattern(const struct expr_value *v, struct problem_pattern *p, struct err *e)
{
	char *regexp = NULL;
	unsigned groups;
	if (v->kind != EXPR_OBJECT)
		return err_set(e, EINVAL, "not an object");
	if (take_text(v, "regexp", &regexp, e) < 0)
		return -1;
	p->regexp = regexp_new(regexp, strlen(regexp), e);
	free(regexp);
	if (!p->regexp)
		return err_wrap(e, "regexp");
	groups = regexp_groups(p->regexp);
	for (enum problem_field f = 0; f < PROBLEM_FIELDS; f++)
		if (take_group(v, f, groups, &p->group[f], e) < 0)
			return -1;
	p->loop = expr_is_true(member(v, "loop"));
	return 0;
}

static int check_pattern(const struct problem_matcher *m, size_t i, struct err *e)
{
	const struct problem_pattern *p = &m->patterns[i];
	for (size_t k = 0; k < i; k++)
		for (size_t f = 0; f < PROBLEM_FIELDS; f++)
			if (p->group[f] >= 0 && m->patterns[k].group[f] >= 0)
				return err_set(e, EINVAL, "%s: an earlier pattern has set it",
					       field_names[f]);
	if (p->loop && p->group[PROBLEM_MESSAGE] < 0)
		return err_set(e, EINVAL, "loop: such a pattern must set message");
	return 0;
}

static int take_patterns(const struct expr_value *list, struct problem_matcher *m, struct err *e)
{
	bool message = false;
	if (list->n == 0 || list->n > PROBLEM_PATTERNS_MAX)
		return err_set(e, EINVAL, "pattern: it has %zu, 1 to %d may be", list->n,
			       PROBLEM_PATTERNS_MAX);
	for (size_t i = 0; i < list->n; i++) {
		struct problem_pattern *p = &m->patterns[m->n++];
		if (take_pattern(list->items[i], p, e) < 0 || check_pattern(m, i, e) < 0)
			return err_wrap(e, "pattern[%zu]", i);
		if (p->loop && (i == 0 || i + 1 < list->n))
			return err_set(e, EINVAL, "pattern[%zu].loop: only the last of several may",
				       i);
		message = message || p->group[PROBLEM_MESSAGE] >= 0;
	}
	return message ? 0 : err_set(e, EINVAL, "pattern: none of them sets message");
}

static bool is_severity(const char *s)
{
	static const char *const severities[] = { "", "error", "warning", "notice" };
	for (size_t i = 0; i < sizeof severities / sizeof *severities; i++)
		if (fold_equal(s, strlen(s), severities[i], strlen(severities[i])))
			return true;
	return false;
}

static int take_matcher(const struct expr_value *v, struct problem_matcher *m, struct err *e)
{
	const struct expr_value *list;
	if (v->kind != EXPR_OBJECT)
		return err_set(e, EINVAL, "not an object");
	if (take_text(v, "owner", &m->owner, e) < 0 ||
	    take_text(v, "severity", &m->severity, e) < 0 ||
	    take_text(v, "fromPath", &m->from_path, e) < 0 || take_list(v, "pattern", &list, e) < 0)
		return -1;
	if (!*m->owner)
		return err_set(e, EINVAL, "owner: it must not be empty");
	if (!is_severity(m->severity))
		return err_set(e, EINVAL, "severity: not error, warning or notice");
	return take_patterns(list, m, e);
}

/* The file's list of matchers. */
static int read_file(const char *text, size_t n, struct arena *a, const struct expr_value **ret,
		     struct err *e)
{
	if (n > PROBLEM_FILE_MAX)
		return err_set(e, E2BIG, "it has %zu bytes, at most %d", n, PROBLEM_FILE_MAX);
	if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
		n -= 3;
	}
	const struct expr_value *v = expr_json_read(text, n, a, e);
	if (!v)
		return -1;
	if (v->kind != EXPR_OBJECT)
		return err_set(e, EINVAL, "not an object");
	return take_list(v, "problemMatcher", ret, e);
}

/* One more of a file's, in the file's order. */
static int collect(struct problem_matchers *fresh, const struct expr_value *v, struct err *e)
{
	if (fresh->n == PROBLEM_MATCHERS_MAX)
		return err_set(e, E2BIG, "more than %d matchers", PROBLEM_MATCHERS_MAX);
	struct problem_matcher *m = calloc(1, sizeof *m);
	if (!m)
		return err_set(e, ENOMEM, "out of memory for a problem matcher");
	if (take_matcher(v, m, e) < 0) {
		problem_matcher_free(m);
		return -1;
	}
	if (problem_matchers_find(fresh, m->owner) < fresh->n) {
		problem_matcher_free(m);
		return err_set(e, EINVAL, "owner: another matcher of the file has it");
	}
	fresh->list[fresh->n++] = m;
	return 0;
}

/* All of fresh's go to the beginning, the last one first. */
static int put_first(struct problem_matchers *m, struct problem_matchers *fresh, struct err *e)
{
	size_t stay = 0;
	for (size_t i = 0; i < m->n; i++)
		stay += problem_matchers_find(fresh, m->list[i]->owner) == fresh->n;
	if (stay + fresh->n > PROBLEM_MATCHERS_MAX)
		return err_set(e, E2BIG, "more than %d matchers", PROBLEM_MATCHERS_MAX);
	for (size_t i = 0; i < fresh->n; i++) {
		problem_matchers_remove(m, fresh->list[i]->owner);
		memmove(&m->list[1], &m->list[0], m->n * sizeof(struct problem_matcher *));
		m->list[0] = fresh->list[i];
		m->n++;
	}
	fresh->n = 0;
	return 0;
}

int problem_matchers_add(struct problem_matchers *m, const char *text, size_t n, struct err *e)
{
	struct arena a = ARENA(FILE_BYTES);
	struct problem_matchers fresh = { .n = 0 };
	const struct expr_value *list;
	int r = read_file(text, n, &a, &list, e);
	for (size_t i = 0; r == 0 && i < list->n; i++) {
		r = collect(&fresh, list->items[i], e);
		if (r < 0)
			err_wrap(e, "problemMatcher[%zu]", i);
	}
	if (r == 0)
		r = put_first(m, &fresh, e);
	for (size_t i = 0; i < fresh.n; i++)
		problem_matcher_free(fresh.list[i]);
	arena_done(&a);
	return r;
}

int problem_matchers_remove_file(struct problem_matchers *m, const char *text, size_t n,
				 struct err *e)
{
	struct arena a = ARENA(FILE_BYTES);
	const struct expr_value *list;
	int r = read_file(text, n, &a, &list, e);
	for (size_t i = 0; r == 0 && i < list->n; i++) {
		const struct expr_value *v = list->items[i];
		v = v->kind == EXPR_OBJECT ? member(v, "owner") : v;
		if (v->kind == EXPR_STRING)
			problem_matchers_remove(m, v->text);
	}
	arena_done(&a);
	return r;
}
