/* A pattern and a path of any bytes: neither hangs nor reads what is not there, and a pattern that is
 * accepted stays below its directory. Input: the pattern, a newline, the path. */
#include "executor/glob.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void walk_like(const struct glob *g)
{
	for (size_t i = 0; i < g->n; i++) {
		const struct glob_alternative *a = g->alternatives[i];
		for (unsigned p = 0; p < a->nparts; p++)
			if (strcmp(a->parts[p], "..") == 0 || strchr(a->parts[p], '/'))
				abort();
		const char *only = glob_only(a, glob_begin(a));
		if (only && !glob_step(a, glob_begin(a), only))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct arena arena = ARENA(16 << 20);
	struct err e = { 0 };
	struct glob g;
	char *text = arena_strndup(&arena, n ? (const char *)data : "", n, &e);
	char *path = text ? strchr(text, '\n') : NULL;
	if (path)
		*path++ = '\0';
	if (text && glob_compile(&g, text, "/p", &arena, &e) == 0) {
		walk_like(&g);
		if (path && glob_match(&g, path) && g.n == 0)
			abort();
	}
	arena_done(&arena);
	return 0;
}
