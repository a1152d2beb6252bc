/* A file of problem matchers, and behind the first NUL the output they look at. What is found keeps
 * its promise; a set that refused a file is as it was. */
#include "executor/problem_matcher.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { LINES = 20 };

static const char plain[] =
	"{\"problemMatcher\":[{\"owner\":\"plain\",\"pattern\":[{\"regexp\":\"^(.*):(\\\\d+): (.*)$\","
	"\"file\":1,\"line\":2,\"message\":3}]}]}";

static void check(const struct annotation *a)
{
	if (!a->message || !*a->message || !a->file || !a->title || !a->code ||
	    (a->column && !a->line) || strlen(a->message) > PROBLEM_LINE_MAX)
		abort();
}

static void run(struct problem_matchers *m, const char *text, const char *end)
{
	for (int i = 0; i < LINES && text < end; i++) {
		struct err e = { 0 };
		struct annotation a;
		const char *lf = memchr(text, '\n', (size_t)(end - text));
		const char *stop = lf ? lf : end;
		size_t before = problem_matchers_count(m);
		int r = problem_matchers_line(m, text, (size_t)(stop - text), &a, &e);
		if (r > 0)
			check(&a);
		if (r < 0 && (!e.msg[0] || problem_matchers_count(m) + 1 != before))
			abort();
		text = stop + 1;
	}
}

static void use(struct problem_matchers *m, const char *text, size_t n)
{
	struct err e = { 0 };
	const char *nul = memchr(text, '\0', n);
	size_t file = nul ? (size_t)(nul - text) : n;
	if (problem_matchers_add(m, text, file, &e) < 0 &&
	    (!e.msg[0] || problem_matchers_count(m) != 1))
		abort();
	if (nul)
		run(m, nul + 1, text + n);
	if (problem_matchers_remove_file(m, text, file, &e) == 0 && problem_matchers_count(m) > 1)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct err e = { 0 };
	struct problem_matchers *m = problem_matchers_new(&e);
	if (!m || problem_matchers_add(m, plain, sizeof plain - 1, &e) < 0)
		abort();
	if (n && n < 1 << 16)
		use(m, (const char *)data, n);
	problem_matchers_free(m);
	return 0;
}
