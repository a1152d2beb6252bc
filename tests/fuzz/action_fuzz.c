/* An action.yml: what is returned keeps the promises of protocol/job_action.h; an error says why. */
#include "protocol/action_read.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void lists(const struct job_action *a)
{
	for (size_t i = 0; i < a->ninputs; i++)
		check(a->inputs[i].name && a->inputs[i].deprecation && a->inputs[i].value.text);
	for (size_t i = 0; i < a->outputs.n; i++)
		check(a->outputs.pairs[i].key && a->outputs.pairs[i].value.text);
	for (size_t i = 0; i < a->nruns; i++)
		check(*a->runs[i].shell.text || a->runs[i].uses.line);
}

static void promises(const struct job_action *a)
{
	const struct job_text *texts[] = { &a->main, &a->pre, &a->post, &a->pre_if, &a->post_if };
	for (size_t i = 0; i < sizeof texts / sizeof(struct job_text *); i++)
		check(texts[i]->text != NULL);
	check(a->name && a->using && a->refusal);
	lists(a);
	if (*a->refusal)
		return;
	check(a->kind == JOB_ACTION_COMPOSITE || *a->main.text);
	check(!strstr(a->main.text, "..") && a->main.text[0] != '/');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct arena a = ARENA(4 << 20);
	struct err e = { 0 };
	const struct job_action *action = action_read((const char *)data, n, &a, &e);
	if (action)
		promises(action);
	else
		check(e.msg[0] != '\0');
	arena_done(&a);
	return 0;
}
