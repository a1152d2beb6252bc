#include "executor/fetch_flags.h"

#include "base/buf.h"

#include <string.h>

enum { REST_MAX = 64 << 10 };

struct flag {
	const char *name;
	bool value; /* its value is the next word, unless it is behind a "=" */
	bool tags;
};

/* What is not here is not applied. */
static const struct flag flags[] = {
	{ "--tags", false, true },
	{ "-t", false, true },
	{ "--prune", false, false },
	{ "-p", false, false },
	{ "--quiet", false, false },
	{ "-q", false, false },
	{ "--verbose", false, false },
	{ "-v", false, false },
	{ "--progress", false, false },
	{ "--no-progress", false, false },
	{ "--force", false, false },
	{ "-f", false, false },
	{ "--atomic", false, false },
	{ "--keep", false, false },
	{ "-k", false, false },
	{ "--update-head-ok", false, false },
	{ "-u", false, false },
	{ "--unshallow", false, false },
	{ "--update-shallow", false, false },
	{ "--depth", true, false },
	{ "--deepen", true, false },
	{ "--shallow-since", true, false },
	{ "--shallow-exclude", true, false },
	{ "--jobs", true, false },
	{ "-j", true, false },
	{ "--no-recurse-submodules", false, false },
	{ "--no-auto-maintenance", false, false },
	{ "--no-auto-gc", false, false },
};

static const struct flag *flag_of(const char *word)
{
	size_t n = strcspn(word, "=");
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
		if (strlen(flags[i].name) == n && strncmp(flags[i].name, word, n) == 0 &&
		    (word[n] == '\0' || flags[i].value))
			return &flags[i];
	return NULL;
}

int fetch_flags_parse(const char *text, struct arena *a, struct fetch_flags *ret, struct err *e)
{
	static const char blanks[] = " \t\r\n";
	autobuf rest = BUF(REST_MAX);
	struct fetch_flags f = { 0 };
	char *copy = arena_strdup(a, text, e), *next = NULL;
	if (!copy)
		return -1;
	for (char *w = strtok_r(copy, blanks, &next); w; w = strtok_r(NULL, blanks, &next)) {
		const struct flag *known = flag_of(w);
		if (known && known->value && !strchr(w, '='))
			(void)strtok_r(NULL, blanks, &next);
		f.tags |= known && known->tags;
		if (!known && strcmp(w, "none") != 0 &&
		    buf_printf(&rest, e, "%s%s", rest.len ? " " : "", w) < 0)
			return -1;
	}
	f.rest = arena_strdup(a, buf_cstr(&rest), e);
	if (!f.rest)
		return -1;
	*ret = f;
	return 0;
}
