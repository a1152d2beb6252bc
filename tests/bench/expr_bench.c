/* How many expressions a second are parsed and evaluated on one core. */
#include "executor/expr.h"
#include "executor/expr_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { RUNS = 5, TIMES = 100000 };

static const char contexts[] =
	"{\"github\":{\"ref\":\"refs/heads/main\",\"event_name\":\"push\",\"actor\":\"somebody\","
	"\"repository\":\"group/project\",\"event\":{\"commits\":[{\"message\":\"one\"},{\"message\":\"two\"}]}},"
	"\"env\":{\"DEPLOY\":\"true\"},\"matrix\":{\"os\":\"linux\",\"version\":18},"
	"\"steps\":{\"build\":{\"outputs\":{\"version\":\"1.2.3\"},\"outcome\":\"success\"}}}";

static const struct {
	const char *what, *text;
} expressions[] = {
	{ "typical", "github.ref == 'refs/heads/main' && github.event_name == 'push'" },
	{ "a name", "steps.build.outputs.version" },
	{ "functions",
	  "contains(join(github.event.commits.*.message, ' '), 'TWO') && format('{0}-{1}', matrix.os, matrix.version)" },
};

static double seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *what)
{
	fprintf(stderr, "%s\n", what);
	exit(1);
}

/* Each one in an arena of its own, as a workflow's are. */
static double once(const struct expr_scope *scope, const char *text)
{
	size_t n = strlen(text);
	double from = seconds();
	for (int i = 0; i < TIMES; i++) {
		struct err e = { 0 };
		struct arena a = ARENA(EXPR_MEMORY);
		struct expr x = { .a = &a, .scope = scope };
		const struct expr_value *v = expr_eval(&x, text, n, &e);
		if (!v || !expr_is_true(v))
			die(v ? "a wrong value" : e.msg);
		arena_done(&a);
	}
	return TIMES / (seconds() - from);
}

int main(void)
{
	struct err e = { 0 };
	struct arena a = ARENA(EXPR_MEMORY);
	struct expr_scope scope = { .contexts = expr_json_read(contexts, sizeof contexts - 1, &a,
							       &e) };
	if (!scope.contexts)
		die(e.msg);
	for (size_t i = 0; i < sizeof expressions / sizeof *expressions; i++) {
		double best = 0;
		for (int run = 0; run < RUNS; run++) {
			double rate = once(&scope, expressions[i].text);
			best = rate > best ? rate : best;
		}
		printf("%-12s %9.0f /s\n", expressions[i].what, best);
	}
	arena_done(&a);
	return 0;
}
