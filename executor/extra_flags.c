#include "executor/extra_flags.h"

#include "base/buf.h"

#include <string.h>

enum { REST_MAX = 64 << 10 };

enum { OF_FETCH = 1 << FLAGS_FETCH, OF_SUBMODULE = 1 << FLAGS_SUBMODULE };

struct flag {
	const char *name;
	unsigned of; /* the commands that know it, as OF_ bits */
	bool value;  /* its value is the next word, unless it is behind a "=" */
	bool tags, recursive;
};

/* What is not here is not applied. */
static const struct flag flags[] = {
	{ "--tags", OF_FETCH, false, true, false },
	{ "-t", OF_FETCH, false, true, false },
	{ "--recursive", OF_SUBMODULE, false, false, true },
	{ "--prune", OF_FETCH, false, false, false },
	{ "-p", OF_FETCH, false, false, false },
	{ "--quiet", OF_FETCH | OF_SUBMODULE, false, false, false },
	{ "-q", OF_FETCH | OF_SUBMODULE, false, false, false },
	{ "--verbose", OF_FETCH, false, false, false },
	{ "-v", OF_FETCH, false, false, false },
	{ "--progress", OF_FETCH | OF_SUBMODULE, false, false, false },
	{ "--no-progress", OF_FETCH, false, false, false },
	{ "--force", OF_FETCH | OF_SUBMODULE, false, false, false },
	{ "-f", OF_FETCH | OF_SUBMODULE, false, false, false },
	{ "--init", OF_SUBMODULE, false, false, false },
	{ "--checkout", OF_SUBMODULE, false, false, false },
	{ "--atomic", OF_FETCH, false, false, false },
	{ "--keep", OF_FETCH, false, false, false },
	{ "-k", OF_FETCH, false, false, false },
	{ "--update-head-ok", OF_FETCH, false, false, false },
	{ "-u", OF_FETCH, false, false, false },
	{ "--unshallow", OF_FETCH, false, false, false },
	{ "--update-shallow", OF_FETCH, false, false, false },
	{ "--depth", OF_FETCH | OF_SUBMODULE, true, false, false },
	{ "--deepen", OF_FETCH, true, false, false },
	{ "--shallow-since", OF_FETCH, true, false, false },
	{ "--shallow-exclude", OF_FETCH, true, false, false },
	{ "--single-branch", OF_SUBMODULE, false, false, false },
	{ "--no-single-branch", OF_SUBMODULE, false, false, false },
	{ "--recommend-shallow", OF_SUBMODULE, false, false, false },
	{ "--no-recommend-shallow", OF_SUBMODULE, false, false, false },
	{ "--jobs", OF_FETCH | OF_SUBMODULE, true, false, false },
	{ "-j", OF_FETCH | OF_SUBMODULE, true, false, false },
	{ "--no-recurse-submodules", OF_FETCH, false, false, false },
	{ "--no-auto-maintenance", OF_FETCH, false, false, false },
	{ "--no-auto-gc", OF_FETCH, false, false, false },
};

static const struct flag *flag_of(enum extra_flags_of of, const char *word)
{
	size_t n = strcspn(word, "=");
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
		if ((flags[i].of & 1u << of) && strlen(flags[i].name) == n &&
		    strncmp(flags[i].name, word, n) == 0 && (word[n] == '\0' || flags[i].value))
			return &flags[i];
	return NULL;
}

static int add_word(struct buf *rest, const char *word, struct err *e)
{
	return buf_printf(rest, e, "%s%s", rest->len ? " " : "", word);
}

int extra_flags_parse(enum extra_flags_of of, const char *text, struct arena *a,
		      struct extra_flags *ret, struct err *e)
{
	static const char blanks[] = " \t\r\n";
	autobuf rest = BUF(REST_MAX);
	struct extra_flags f = { 0 };
	char *copy = arena_strdup(a, text, e), *next = NULL;
	if (!copy)
		return -1;
	for (char *w = strtok_r(copy, blanks, &next); w; w = strtok_r(NULL, blanks, &next)) {
		const struct flag *known = flag_of(of, w);
		if (!known) {
			if (strcmp(w, "none") != 0 && add_word(&rest, w, e) < 0)
				return -1;
			continue;
		}
		if (known->value && !strchr(w, '='))
			(void)strtok_r(NULL, blanks, &next);
		f.tags |= known->tags;
		f.recursive |= known->recursive;
	}
	f.rest = arena_strdup(a, buf_cstr(&rest), e);
	if (!f.rest)
		return -1;
	*ret = f;
	return 0;
}
