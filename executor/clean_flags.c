#include "executor/clean_flags.h"

#include "base/str.h"

#include <errno.h>
#include <fnmatch.h>
#include <string.h>

struct parse {
	struct clean_flags f;
	const char **keep;
	unsigned force;
	struct arena *a;
	char *rest; /* where strtok_r goes on */
};

static int keep(struct parse *p, const char *pattern, struct err *e)
{
	if (!pattern || !*pattern)
		return err_set(e, EINVAL, "GIT_CLEAN_FLAGS: -e without a pattern");
	if (p->f.nkeep == CLEAN_KEEP_MAX)
		return err_set(e, E2BIG, "GIT_CLEAN_FLAGS: more than %d patterns", CLEAN_KEEP_MAX);
	p->keep[p->f.nkeep++] = pattern;
	return 0;
}

/* The letters behind one dash: "ffdx", "e" and its pattern. */
static int letters(struct parse *p, const char *word, struct err *e)
{
	for (const char *c = word + 1; *c; c++) {
		if (*c == 'f')
			p->force++;
		else if (*c == 'd')
			p->f.dirs = true;
		else if (*c == 'x')
			p->f.ignored = true;
		else if (*c == 'X')
			p->f.only_ignored = true;
		else if (*c == 'e')
			return keep(p, c[1] ? c + 1 : strtok_r(NULL, " \t\r\n", &p->rest), e);
		else if (*c != 'q')
			return err_set(
				e, EINVAL,
				"GIT_CLEAN_FLAGS: unknown flag \"%.100s\" (known: -f -d -x -X "
				"-q -e PATTERN, or none)",
				word);
	}
	return 0;
}

static int word(struct parse *p, const char *w, struct err *e)
{
	static const char exclude[] = "--exclude";
	bool force = strcmp(w, "--force") == 0;
	p->force += force;
	if (force || strcmp(w, "--quiet") == 0)
		return 0;
	if (str_starts(w, exclude)) {
		const char *value = w + sizeof exclude - 1;
		if (*value == '=')
			return keep(p, value + 1, e);
		if (!*value)
			return keep(p, strtok_r(NULL, " \t\r\n", &p->rest), e);
	}
	if (w[0] == '-' && w[1] && w[1] != '-')
		return letters(p, w, e);
	return err_set(
		e, EINVAL,
		"GIT_CLEAN_FLAGS: unknown flag \"%.100s\" (known: -f -d -x -X -q -e PATTERN, "
		"or none)",
		w);
}

static int check(const struct parse *p, struct err *e)
{
	if (p->f.ignored && p->f.only_ignored)
		return err_set(e, EINVAL, "GIT_CLEAN_FLAGS: -x and -X exclude each other");
	if (!p->force)
		return err_set(e, EINVAL,
			       "GIT_CLEAN_FLAGS: without -f git clean removes nothing "
			       "(write none to keep everything)");
	return 0;
}

/* No more patterns than there can be words. */
static size_t words_most(const char *text)
{
	size_t n = strlen(text) / 2 + 1;
	return n < CLEAN_KEEP_MAX ? n : CLEAN_KEEP_MAX;
}

int clean_flags_parse(const char *text, struct arena *a, struct clean_flags *ret, struct err *e)
{
	struct parse p = { .a = a };
	char *copy = arena_strdup(a, text, e);
	p.keep = copy ? arena_array(a, words_most(copy), sizeof *p.keep, e) : NULL;
	if (!p.keep)
		return -1;
	char *w = strtok_r(copy, " \t\r\n", &p.rest);
	if (!w) {
		*ret = (struct clean_flags){ .nested = true, .dirs = true, .ignored = true };
		return 0;
	}
	if (strcmp(w, "none") == 0 && !strtok_r(NULL, " \t\r\n", &p.rest)) {
		*ret = (struct clean_flags){ .none = true };
		return 0;
	}
	for (; w; w = strtok_r(NULL, " \t\r\n", &p.rest))
		if (word(&p, w, e) < 0)
			return -1;
	if (check(&p, e) < 0)
		return -1;
	p.f.nested = p.force > 1;
	p.f.keep = p.keep;
	*ret = p.f;
	return 0;
}

/* pattern[0..n) against path as .gitignore means it: without a slash inside it names a file at any
 * depth, else it is seen from the top; "**" crosses directories. */
static bool matches(const char *pattern, size_t n, const char *path)
{
	char text[1024];
	bool anchored = memchr(pattern, '/', n) != NULL;
	if (*pattern == '/') {
		pattern++;
		n--;
	}
	if (n == 0 || n >= sizeof text)
		return false;
	memcpy(text, pattern, n);
	text[n] = '\0';
	const char *name = strrchr(path, '/');
	if (!anchored)
		return fnmatch(text, name ? name + 1 : path, 0) == 0;
	if (str_starts(text, "**/") && fnmatch(text + 3, path, 0) == 0)
		return true;
	return fnmatch(text, path, strstr(text, "**") ? 0 : FNM_PATHNAME) == 0;
}

bool clean_flags_keep(const struct clean_flags *f, const char *path, bool dir)
{
	bool kept = false;
	for (size_t i = 0; i < f->nkeep; i++) {
		const char *pattern = f->keep[i];
		bool negated = *pattern == '!';
		pattern += negated;
		size_t n = strlen(pattern);
		bool only_dirs = n && pattern[n - 1] == '/';
		n -= only_dirs;
		if ((dir || !only_dirs) && n && matches(pattern, n, path))
			kept = !negated;
	}
	return kept;
}
